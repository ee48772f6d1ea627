import { join } from "node:path";
import { parseArgs } from "node:util";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { IngestBed } from "./ingest/bed.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import { type LargeFigures, largeGoals } from "./report/large-report.js";
import { table } from "./table.js";

const SOURCE = "bench";
const PATIENCE_MS = 30 * 60_000;

/** One large answer through a running ingestor into Kafka: the memory that it takes. */
export async function benchLarge(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<LargeFigures>> {
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
  const rows: LargeFigures["rows"][number][] = [];
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
  const lines = rows.map(({ format, megabytes, seconds, memory, cpu }) => [
    format,
    megabytes.toFixed(0),
    memory.toFixed(0),
    seconds.toFixed(0),
    (megabytes / seconds).toFixed(1),
    cpu.toFixed(0),
  ]);
  console.log(`\n${table(["", "answer, MB", "memory, MB", "seconds", "MB/s", "CPU, s"], lines)}\n`);
  const figures = { options: { records, bytes }, rows };
  return { figures, problems: missed(largeGoals(figures)) };
}
