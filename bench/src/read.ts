import { namesFor } from "@apispool/kafka-log/topics.js";
import { fillTopic } from "./fill.js";
import { benchOptions } from "./options.js";
import { fetchUnread, getData } from "./ours.js";
import { JavaConsumer, kafkajsConsumer } from "./peers.js";
import { median, writeResults } from "./results.js";
import { table } from "./table.js";
import { TestBed, kafkaHome } from "./test-bed.js";
import type { Timing } from "./timing.js";
import type { Usage } from "./usage.js";

const SOURCE = "bench";
/** What each service may have, in MB, however many records are read. */
const MOST_MEMORY = 200;
/** Rivals that need more than what is on npm and Maven Central. */
const NOT_HERE = ["Confluent REST Proxy", "Strimzi Kafka Bridge", "librdkafka (kcat)"];

type Key = "kafkajs" | "java" | "grpcReader" | "grpcGateway" | "ndjson" | "json";

interface Measurement {
  readonly key: Key;
  readonly name: string;
  /** Reads everything that a new reader of that name has not read. */
  readonly read: (reader: string) => Promise<Timing>;
  /** One of Apispool's: a second read must find nothing unread. */
  readonly ours: boolean;
}

/** What a measurement gave in one round. */
interface Sample {
  readonly seconds: number;
  /** Seconds of processor time that each service took for it. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The most memory that each service had had by its end, in MB. */
  readonly memory: Readonly<Record<string, number>>;
}

interface Row {
  readonly key: Key;
  readonly name: string;
  readonly rounds: Sample[];
}

/** Reading a full topic to its end: Apispool's ways beside Kafka's own clients. Gives what is wrong; nothing when all is well. */
export async function benchRead(self: NodeJS.Process, args: readonly string[]): Promise<string[]> {
  const options = benchOptions(args);
  const { records, bytes, partitions, rounds, profile } = options;
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self, profile);
  const { brokers } = bed;
  const topic = namesFor("apispool").records(SOURCE);
  say(`writing ${records} records of ${bytes} bytes to ${partitions} partition(s) …`);
  await fillTopic({ brokers: brokers.split(","), topic, records, bytes, partitions });
  const java = await JavaConsumer.prepare(kafkaHome, bed.env, say);
  const reader = await bed.startReader();
  const gateway = await bed.startGateway(reader);
  const notMeasured = [...NOT_HERE];
  const peers: Measurement[] = [
    {
      key: "kafkajs",
      name: "kafkajs consumer, eachBatch",
      read: () => kafkajsConsumer(brokers, topic, records),
      ours: false,
    },
  ];
  if (typeof java === "string") notMeasured.unshift(`Kafka's consumer-perf tool (${java})`);
  else {
    const read = (): Promise<Timing> => java.read(brokers, topic, records);
    peers.push({ key: "java", name: "Kafka's consumer-perf tool (Java)", read, ours: false });
  }
  const url = (name: string): string => `http://${gateway}/data?reader=${name}`;
  const measurements: Measurement[] = [
    ...peers,
    { key: "grpcReader", name: "gRPC, from the reader", read: (name) => fetchUnread(reader, name), ours: true },
    { key: "grpcGateway", name: "gRPC, through the gateway", read: (name) => fetchUnread(gateway, name), ours: true },
    {
      key: "ndjson",
      name: "GET /data, NDJSON",
      read: (name) => getData(url(name), "application/x-ndjson"),
      ours: true,
    },
    { key: "json", name: "GET /data, JSON", read: (name) => getData(url(name), "application/json"), ours: true },
  ];

  const problems: string[] = [];
  if (process.env["ONLY"] !== undefined)
    measurements.splice(
      0,
      measurements.length,
      ...measurements.filter((m) => process.env["ONLY"]?.split(",").includes(m.key)),
    );
  const rows = measurements.map(({ key, name }): Row => ({ key, name, rounds: [] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, measurement] of measurements.entries()) {
      const sample = await measure(measurement, `${measurement.key}-${round}`, records, bed);
      rows[i]?.rounds.push(sample);
      say(`${round}/${rounds} ${measurement.name}: ${sample.seconds.toFixed(2)} s`);
      if (measurement.key === "ndjson") problems.push(...tooMuchMemory(sample));
    }
  }
  console.log(`\n${readTable(rows, records, bytes)}\n\nNot measured: ${notMeasured.join("; ")}.`);
  say(`all figures are in ${await writeResults("read", { options, rows, notMeasured, problems })}`);
  return problems;
}

async function measure(
  { name, read, ours }: Measurement,
  reader: string,
  records: number,
  bed: TestBed,
): Promise<Sample> {
  const before = await bed.usages();
  const { records: came, seconds } = await read(reader);
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
    seconds,
    cpu: of(({ cpu }, process) => cpu - (before[process]?.cpu ?? 0)),
    memory: of(({ peakMemory }) => peakMemory),
  };
}

function tooMuchMemory({ memory }: Sample): string[] {
  return Object.entries(memory)
    .filter(([, peak]) => peak >= MOST_MEMORY)
    .map(([process, peak]) => `the ${process} took ${peak.toFixed(0)} MB of memory; ${MOST_MEMORY} are allowed`);
}

function readTable(rows: readonly Row[], records: number, bytes: number): string {
  const timeOf = (key: Key): number => medianOf(rows.find((row) => row.key === key)?.rounds ?? [], (r) => r.seconds);
  const ratio = (to: number, time: number): string => (Number.isNaN(to) ? "–" : (to / time).toFixed(2));
  const used = (value: number, digits: number): string => (Number.isNaN(value) ? "–" : value.toFixed(digits));
  const lines = rows.map(({ key, name, rounds }) => {
    const time = timeOf(key);
    const cpu = (process: string): string =>
      used(
        medianOf(rounds, (r) => r.cpu[process] ?? Number.NaN),
        2,
      );
    const memory = (process: string): string => used(rounds.at(-1)?.memory[process] ?? Number.NaN, 0);
    return [
      name,
      ratio(timeOf("java"), time),
      ratio(timeOf("kafkajs"), time),
      Math.round(records / time).toLocaleString("en"),
      ((records * bytes) / time / 1e6).toFixed(0),
      time.toFixed(2),
      `${cpu("reader")} / ${cpu("gateway")}`,
      `${memory("reader")} / ${memory("gateway")}`,
    ];
  });
  const head = [
    "",
    "× Java",
    "× kafkajs",
    "records/s",
    "MB/s",
    "seconds",
    "CPU, s: reader / gateway",
    "peak, MB: reader / gateway",
  ];
  return table(head, lines);
}

function medianOf(samples: readonly Sample[], take: (sample: Sample) => number): number {
  return median(samples.map(take));
}
