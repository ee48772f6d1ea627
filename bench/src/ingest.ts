import { parseArgs } from "node:util";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { type Api, IngestBed } from "./ingest/bed.js";
import { JavaProducer, kafkajsProducer } from "./ingest/producers.js";
import { onPath } from "./ingest/programs.js";
import { type Quiet, measureQuiet } from "./ingest/quiet.js";
import { runRival } from "./ingest/rival-run.js";
import { type Rival, rivals } from "./ingest/rivals.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import { type IngestFigures, type IngestRow as Row, ingestGoals } from "./report/ingest-report.js";
import { ingestNames } from "./report/ingest-names.js";
import { median } from "./results.js";
import { table } from "./table.js";

const PER_PAGE = 1000;
const SOURCE = "bench";

/** Polling a fast API into Kafka, beside producers that have their records in memory. */
export async function benchIngest(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<IngestFigures>> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "200000" },
      bytes: { type: "string", default: "500" },
      rounds: { type: "string", default: "3" },
      sources: { type: "string", default: "1000" },
      seconds: { type: "string", default: "60" },
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const [records, bytes, rounds] = [Number(values.records), Number(values.bytes), Number(values.rounds)];
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await IngestBed.start(self, values.profile);
  const { found, missing: notMeasured } = await findRivals(self.env["PATH"] ?? "");
  const rows = new Map<string, Row>();
  if (values.only === undefined || values.only === "throughput") {
    const java = await JavaProducer.prepare(bed.env, say);
    if (typeof java === "string") notMeasured.unshift(`Kafka's producer-perf tool (${java})`);
    say(`making ${records} records of ${bytes} bytes …`);
    const api = await bed.startApi({ records, bytes, perPage: PER_PAGE });
    for (let round = 1; round <= rounds; round += 1) {
      const note = (name: string, seconds: number, usage?: { peakMemory?: number; cpu: number }): void => {
        const row = rows.get(name) ?? { name, seconds: [], memory: undefined, cpu: [] };
        rows.set(name, row);
        row.seconds.push(seconds);
        if (usage?.peakMemory !== undefined) row.memory = Math.max(row.memory ?? 0, usage.peakMemory);
        if (usage !== undefined) row.cpu.push(usage.cpu);
        say(`${round}/${rounds} ${name}: ${seconds.toFixed(2)} s`);
      };
      await bed.createTopic(`kafkajs-${round}`);
      const kafkajs = await kafkajsProducer(bed.brokers, `kafkajs-${round}`, records, bytes);
      note(KAFKAJS, kafkajs.seconds, kafkajs);
      for (const shape of ["pages", "lines"] as const) {
        const { seconds, usage } = await pollOnce(bed, api, shape, round, records);
        note(shape === "pages" ? PAGES : LINES, seconds, usage);
      }
      if (typeof java !== "string") {
        await bed.createTopic(`java-${round}`);
        note(JAVA, await java.write(bed.brokers, `java-${round}`, records, bytes));
      }
      for (const [i, { rival, program }] of found.entries()) {
        const topic = `rival-${i}-${round}`;
        await bed.createTopic(topic);
        const job = {
          url: `${api.url}/${rival.shape}/${topic}`,
          brokers: bed.brokers,
          topic,
          records,
          perPage: PER_PAGE,
        };
        const { seconds, usage } = await runRival(self, { program, rival, job, api });
        note(rival.name, seconds, usage);
      }
    }
    console.log(
      `\n${throughputTable([...rows.values()], records, bytes)}\n\n` +
        (notMeasured.length === 0 ? "" : `Not measured: ${notMeasured.join("; ")}.\n`),
    );
  }
  let quiet: Quiet | undefined;
  if (values.only === undefined || values.only === "sources") {
    quiet = await measureQuiet(bed, Number(values.sources), Number(values.seconds), say);
  }
  const figures: IngestFigures = {
    options: { records, bytes, rounds },
    rows: [...rows.values()],
    ...(quiet === undefined ? {} : { quiet }),
    notMeasured,
  };
  return { figures, problems: [...(quiet?.problems ?? []), ...missed(ingestGoals(figures))] };
}

const { kafkajs: KAFKAJS, pages: PAGES, lines: LINES, java: JAVA } = ingestNames;

/** One poll by an ingestor that does nothing else: from the first request until the last record can be read. */
async function pollOnce(bed: IngestBed, api: Api, shape: "pages" | "lines", round: number, records: number) {
  const prefix = `ingest-${shape}-${round}`;
  // A path of its own, so that the API can tell when it was asked first.
  const path = `/${shape}/${round}`;
  const paging = {
    pagination: { type: "cursor", from: { body: "next" }, into: { query: "page" }, max_pages: 100_000 },
  };
  const common = { url: api.url + path, interval: "1h", timeout: "10m", max_bytes: "512MiB", autostart: true };
  const shaped = shape === "pages" ? { records: "items", ...paging } : { format: "ndjson" };
  const ingestor = await bed.startIngestor(prefix, { [SOURCE]: { ...common, ...shaped } });
  try {
    const ended = await bed.untilRecord(namesFor(prefix).records(SOURCE), records);
    const started = (await api.seen()).asked[path]?.[0] ?? Number.NaN;
    return { seconds: (ended - started) / 1000, usage: await ingestor.usage() };
  } finally {
    await ingestor.stop();
  }
}

function throughputTable(rows: readonly Row[], records: number, bytes: number): string {
  const kafkajs = median(rows.find(({ name }) => name === KAFKAJS)?.seconds ?? []);
  const java = median(rows.find(({ name }) => name === JAVA)?.seconds ?? []);
  return table(
    ["", "× kafkajs", "× Java", "records/s", "MB/s", "seconds", "memory, MB", "CPU, s"],
    rows.map(({ name, seconds, memory, cpu }) => {
      const time = median(seconds);
      return [
        name,
        (kafkajs / time).toFixed(2),
        Number.isNaN(java) ? "–" : (java / time).toFixed(2),
        Math.round(records / time).toLocaleString("en"),
        ((records * bytes) / time / 1e6).toFixed(1),
        time.toFixed(2),
        memory?.toFixed(0) ?? "–",
        cpu.length === 0 ? "–" : median(cpu).toFixed(1),
      ];
    }),
  );
}

/** Rivals are no part of this: those that are on the PATH run, the others are named. */
async function findRivals(path: string): Promise<{ found: { rival: Rival; program: string }[]; missing: string[] }> {
  const found: { rival: Rival; program: string }[] = [];
  const missing = new Set<string>();
  for (const rival of rivals) {
    const program = await onPath(rival.program, path);
    if (program === undefined) missing.add(`${rival.program} (not on the PATH)`);
    else found.push({ rival, program });
  }
  return { found, missing: [...missing] };
}
