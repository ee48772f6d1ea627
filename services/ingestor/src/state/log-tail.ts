import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import type { DedupWindow } from "./dedup-window.js";

/**
 * Takes the last so many records of a topic's partition into a dedup window. Tells the offset behind them, and the
 * running number of the last one (0 where there is none).
 */
export async function readTail(
  log: LogReader,
  place: { readonly topic: string; readonly partition: number },
  count: number,
  window: DedupWindow,
  openTransactionMs?: number,
): Promise<{ nextOffset: number; sequence: number }> {
  const [[first], [last]] = await Promise.all([log.offsetsAt("earliest", [place]), log.offsetsAt("latest", [place])]);
  const earliest = first?.offset ?? 0;
  // Each transaction takes an offset for its marker; where all are small, that is every second one.
  const offset = Math.max(earliest, (last?.offset ?? 0) - 2 * count);
  let sequence = 0;
  const onRecord = (record: LogRecord): void => {
    const id = headerOf(record, recordHeaders.id);
    const hash = headerOf(record, recordHeaders.hash);
    if (id !== undefined && hash !== undefined) window.remember(id, hash);
    sequence = Math.max(sequence, Number(headerOf(record, recordHeaders.sequence) ?? 0) || 0);
  };
  const options = openTransactionMs === undefined ? {} : { openTransactionMs };
  const nextOffset = await readToEnd(log, { ...place, offset }, onRecord, options);
  return { nextOffset, sequence };
}

function headerOf(record: LogRecord, name: string): string | undefined {
  return record.headers.find(([header]) => header === name)?.[1]?.toString("utf8");
}
