import { fillTopic } from "./fill.js";
import { benchOptions } from "./options.js";
import { JavaConsumer } from "./peers.js";
import { type Measurement, type Parties, measurementsOf } from "./read/measurements.js";
import { librdkafkaMissing } from "./read/other-clients.js";
import { type Row, type Sample, readTable } from "./read/read-table.js";
import { type Shape, describeShape, shapesOf } from "./read/shape.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import { type ReadFigures, readGoals } from "./report/read-report.js";
import { TestBed, kafkaHome } from "./test-bed.js";
import type { Usage } from "./usage.js";

/** Reading full topics to their end: Apispool's ways beside Kafka's own clients. */
export async function benchRead(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<ReadFigures>> {
  const options = benchOptions(args);
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self, options.profile, options.kafkaPort);
  const { brokers } = bed;
  const java = await JavaConsumer.prepare(kafkaHome, bed.env, say);
  const reader = await bed.startReader();
  const gateway = await bed.startGateway(reader);
  const { STRIMZI_URL: strimzi, PIXY_URL: pixy, LIBRDKAFKA_PYTHON: python } = self.env;
  const noLibrdkafka = await librdkafkaMissing(python);
  const parties: Parties = {
    brokers,
    reader,
    gateway,
    java: typeof java === "string" ? undefined : java,
    librdkafka: noLibrdkafka === undefined ? python : undefined,
    strimzi,
    pixy,
  };
  const notMeasured = [
    ...(typeof java === "string" ? [`Kafka's consumer-perf tool (${java})`] : []),
    ...(strimzi === undefined ? ["Strimzi Kafka Bridge (no STRIMZI_URL)"] : []),
    ...(pixy === undefined ? ["kafka-pixy (no PIXY_URL)"] : []),
    ...(noLibrdkafka === undefined ? [] : [`librdkafka (${noLibrdkafka})`]),
    "Confluent REST Proxy (not on Maven Central)",
  ];
  const results: (Shape & { rows: Row[] })[] = [];
  for (const shape of shapesOf(options.records, options.bytes, options.partitions)) {
    say(`writing ${describeShape(shape)} …`);
    await fillTopic({ brokers: brokers.split(","), ...shape });
    const all = measurementsOf(shape, parties);
    const wanted = all.filter(({ key }) => options.only.length === 0 || options.only.includes(key));
    const rows = await measureAll(shape, wanted, options.rounds, bed, say);
    results.push({ ...shape, rows });
    console.log(`\n${describeShape(shape)}:\n\n${readTable(rows, shape.bytes)}\n`);
  }
  console.log(`Not measured: ${notMeasured.join("; ")}.`);
  const figures = { options, results, notMeasured };
  return { figures, problems: missed(readGoals(figures)) };
}

async function measureAll(
  { source }: Shape,
  measurements: readonly Measurement[],
  rounds: number,
  bed: TestBed,
  say: (text: string) => void,
): Promise<Row[]> {
  const rows = measurements.map(({ key, name, ours }): Row => ({ key, name, ours, rounds: [] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, measurement] of measurements.entries()) {
      const sample = await measure(measurement, `${source}-${measurement.key}-${round}`, bed);
      rows[i]?.rounds.push(sample);
      say(`${round}/${rounds} ${measurement.name}: ${sample.seconds.toFixed(2)} s`);
    }
  }
  return rows;
}

async function measure({ name, read, ours, records }: Measurement, reader: string, bed: TestBed): Promise<Sample> {
  const before = await bed.usages();
  const { records: came, seconds, memory } = await read(reader);
  const after = await bed.usages();
  if (came !== records) throw new Error(`${name}: ${came} records came, not ${records}`);
  if (ours) {
    const again = await read(reader);
    if (again.records !== 0)
      throw new Error(`${name}: ${again.records} records came again, although all had been received`);
  }
  const of = (take: (usage: Usage, process: string) => number): Record<string, number> =>
    Object.fromEntries(Object.entries(after).map(([process, usage]) => [process, take(usage, process)]));
  return {
    records: came,
    seconds,
    cpu: of(({ cpu }, process) => cpu - (before[process]?.cpu ?? 0)),
    memory: { ...of(({ peakMemory }) => peakMemory), ...(memory === undefined ? {} : { itself: memory }) },
  };
}
