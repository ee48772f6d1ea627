import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { namesFor, recordHeaders } from "@apispool/kafka-log/topics.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { Version } from "./history.js";

/** How a log differs from the truth; all is well where everything but `records` is 0. */
export interface Verdict {
  readonly records: number;
  /** Versions that are in the log more than once. */
  readonly duplicates: number;
  readonly missing: number;
  /** Records that the API never sent, byte for byte. */
  readonly unknown: number;
  /** Records that stand before one that the API said earlier. */
  readonly outOfOrder: number;
  /** Running numbers that do not follow the one before. */
  readonly holes: number;
}

/** Reads a source's records as a reader of committed records does. */
export async function readRecords(brokers: string, prefix: string, source: string): Promise<LogRecord[]> {
  const log = createLogReader({
    brokers: brokers.split(","),
    clientId: "crash-check",
    topicPrefix: prefix,
    log: silentLogger,
  });
  const records: LogRecord[] = [];
  try {
    const topic = namesFor(prefix).records(source);
    await readToEnd(log, { topic, partition: 0, offset: 0 }, (record) => records.push(record));
  } finally {
    await log.close();
  }
  return records;
}

export function compare(records: readonly LogRecord[], truth: readonly Version[]): Verdict {
  const places = new Map(truth.map(({ text }, i) => [text, i]));
  const seen = new Set<number>();
  let duplicates = 0;
  let unknown = 0;
  let outOfOrder = 0;
  let holes = 0;
  let newest = -1;
  for (const [i, { value, headers }] of records.entries()) {
    const number = headers.find(([name]) => name === recordHeaders.sequence)?.[1]?.toString();
    if (number !== String(i + 1)) holes += 1;
    const place = places.get(value?.toString() ?? "");
    if (place === undefined) {
      unknown += 1;
      continue;
    }
    if (seen.has(place)) duplicates += 1;
    else if (place < newest) outOfOrder += 1;
    seen.add(place);
    newest = Math.max(newest, place);
  }
  return { records: records.length, duplicates, missing: truth.length - seen.size, unknown, outOfOrder, holes };
}
