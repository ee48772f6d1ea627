import { readFileSync } from "node:fs";
// A process of its own, so that its memory can be measured: reads a page of so many megabytes and says what it took.
// node read-large-page.js FORMAT MEGABYTES
import { Readable } from "node:stream";
import type { ExtractConfig } from "../config/source-config.js";
import { createExtractor } from "../extract/open-page.js";
import { answer, extractConfig } from "./pages.js";

const ROW_BYTES = 500;
const ROWS_A_CHUNK = 131;

export interface LargePageResult {
  readonly bytes: number;
  readonly records: number;
  readonly deadLetters: number;
  readonly maxRssMb: number;
  readonly seconds: number;
}

const [, , format = "ndjson", megabytes = "200"] = process.argv;
const totalBytes = Number(megabytes) * 1e6;
let bytes = 0;

function* body(): Generator<Buffer> {
  if (format === "csv") yield Buffer.from("id,t,text\n");
  for (let id = 0; bytes < totalBytes;) {
    const rows: string[] = [];
    for (let i = 0; i < ROWS_A_CHUNK; i += 1, id += 1) {
      const text = "x".repeat(ROW_BYTES - 60);
      rows.push(
        format === "csv"
          ? `${id},${1_700_000_000 + id},"${text}"`
          : `{"id":${id},"t":${1_700_000_000 + id},"text":"${text}"}`,
      );
    }
    const chunk = Buffer.from(`${rows.join("\n")}\n`);
    bytes += chunk.length;
    yield chunk;
  }
  // One line without an end, far larger than any record may be.
  yield Buffer.from(format === "csv" ? '"' : '{"id":"');
  for (let i = 0; i < 640; i += 1) yield Buffer.alloc(64 * 1024, "y");
}

const open = createExtractor(extractConfig({ format: format as ExtractConfig["format"] }));
const start = performance.now();
const page = await open({ ...answer(""), body: Readable.from(body(), { highWaterMark: 4 }) });
let records = 0;
let deadLetters = 0;
for await (const batch of page.batches) {
  records += batch.records.length;
  deadLetters += batch.deadLetters.length;
}
const result: LargePageResult = {
  bytes,
  records,
  deadLetters,
  maxRssMb: peakRssMb(),
  seconds: (performance.now() - start) / 1000,
};
process.stdout.write(JSON.stringify(result));

/** getrusage's peak survives exec, so it would count what the process that started this one used. */
function peakRssMb(): number {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) / 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS / 1024;
}
