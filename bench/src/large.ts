import { join } from "node:path";
import { parseArgs } from "node:util";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { IngestBed } from "./ingest/bed.js";
import { writeResults } from "./results.js";
import { table } from "./table.js";

const SOURCE = "bench";
/** In MB. */
const MOST_MEMORY = 256;
const PATIENCE_MS = 30 * 60_000;

interface Figures {
  readonly format: string;
  readonly records: number;
  /** Of the answer, in MB. */
  readonly megabytes: number;
  readonly seconds: number;
  /** The most that the ingestor ever had, in MB. */
  readonly memory: number;
  readonly cpu: number;
}

/** One large answer through a running ingestor into Kafka: the memory that it takes. Gives what is wrong. */
export async function benchLarge(self: NodeJS.Process, args: readonly string[]): Promise<string[]> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "2000000" },
      bytes: { type: "string", default: "500" },
      formats: { type: "string", default: "ndjson,csv" },
    },
  });
  const [records, bytes] = [Number(values.records), Number(values.bytes)];
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await IngestBed.start(self, undefined);
  const api = await bed.startServer(join(import.meta.dirname, "large", "api-main.js"), [values.records, values.bytes]);
  const rows: Figures[] = [];
  for (const format of values.formats.split(",")) {
    const prefix = `large-${format}`;
    const started = Date.now();
    const ingestor = await bed.startIngestor(prefix, {
      [SOURCE]: {
        url: `${api}/${format}`,
        format,
        id: "id",
        interval: "1d",
        timeout: "1h",
        max_bytes: "4GiB",
        autostart: true,
      },
    });
    const ended = await bed.untilRecord(namesFor(prefix).records(SOURCE), records, PATIENCE_MS);
    const { peakMemory, cpu } = await ingestor.usage();
    await ingestor.stop();
    const megabytes = (records * bytes) / 1e6;
    rows.push({ format, records, megabytes, seconds: (ended - started) / 1000, memory: peakMemory, cpu });
    say(
      `${format}: ${megabytes} MB in ${((ended - started) / 1000).toFixed(0)} s, ${peakMemory.toFixed(0)} MB of memory`,
    );
  }
  const problems = rows
    .filter(({ memory }) => memory >= MOST_MEMORY)
    .map(({ format, memory }) => `${format}: ${memory.toFixed(0)} MB of memory, under ${MOST_MEMORY} is the goal`);
  const lines = rows.map(({ format, megabytes, seconds, memory, cpu }) => [
    format,
    megabytes.toFixed(0),
    memory.toFixed(0),
    seconds.toFixed(0),
    (megabytes / seconds).toFixed(1),
    cpu.toFixed(0),
  ]);
  console.log(`\n${table(["", "answer, MB", "memory, MB", "seconds", "MB/s", "CPU, s"], lines)}\n`);
  say(`all figures are in ${await writeResults("large", { options: { records, bytes }, rows, problems })}`);
  return problems;
}
