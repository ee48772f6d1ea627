import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import type { DedupWindow } from "./dedup-window.js";
import { unwrittenHeader } from "./outgoing.js";

/** What a record in the log tells the dedup window. */
interface Written {
  readonly id: string;
  readonly hash: string;
  readonly unwritten: readonly string[];
  /** All records of a page have the same one, and those of the next page a later one. */
  readonly timestampMs: number;
}

/** The last records of a partition. */
export interface LogTail {
  readonly nextOffset: number;
  /** The running number of the last one; 0 where there is none. */
  readonly sequence: number;
  readonly written: readonly Written[];
}

/** Reads the last so many records of a topic's partition. */
export async function readTail(
  log: LogReader,
  place: { readonly topic: string; readonly partition: number },
  count: number,
  openTransactionMs?: number,
): Promise<LogTail> {
  const [[first], [last]] = await Promise.all([log.offsetsAt("earliest", [place]), log.offsetsAt("latest", [place])]);
  const earliest = first?.offset ?? 0;
  // Each transaction takes an offset for its marker; where all are small, that is every second one.
  const offset = Math.max(earliest, (last?.offset ?? 0) - 2 * count);
  let sequence = 0;
  const written: Written[] = [];
  const onRecord = (record: LogRecord): void => {
    const id = headerOf(record, recordHeaders.id);
    const hash = headerOf(record, recordHeaders.hash);
    if (id !== undefined && hash !== undefined) {
      const unwritten = headerOf(record, unwrittenHeader)?.split(",") ?? [];
      written.push({ id, hash, unwritten, timestampMs: record.timestampMs });
    }
    sequence = Math.max(sequence, Number(headerOf(record, recordHeaders.sequence) ?? 0) || 0);
  };
  const options = openTransactionMs === undefined ? {} : { openTransactionMs };
  const nextOffset = await readToEnd(log, { ...place, offset }, onRecord, options);
  return { nextOffset, sequence, written };
}

/** Takes the last records of all partitions of a topic into a dedup window, page by page. Tells when the newest was written. */
export function rememberAll(tails: readonly LogTail[], window: DedupWindow): number {
  // In a stable order: within a partition, that of the log.
  const written = tails.flatMap((tail) => tail.written).toSorted((a, b) => a.timestampMs - b.timestampMs);
  let page = 0;
  for (const { id, hash, unwritten, timestampMs } of written) {
    if (timestampMs !== page) window.beginPage();
    page = timestampMs;
    window.remember(id, hash, unwritten);
  }
  return page;
}

function headerOf(record: LogRecord, name: string): string | undefined {
  return record.headers.find(([header]) => header === name)?.[1]?.toString("utf8");
}
