import { createHash } from "node:crypto";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import type { DeadLetter, ExtractedRecord } from "../extract/page.js";
import type { PartitionedMessage } from "./transactional-producer.js";

/** The CloudEvents type of every record. */
const RECORD_TYPE = "apispool.record.v1";

/** What Kafka takes in a batch unless it was told otherwise is 1 MiB. */
const MOST_BYTES_PER_SEND = 1_000_000;
/** The most that lengths and numbers take of a record, and of each of its headers. */
const FRAME_BYTES = 32;
const HEADER_FRAME_BYTES = 6;

/** Dead letters are for people to look at; the beginning of a huge one does. */
const MOST_DEAD_LETTER_BYTES = 512 * 1024;

/** Names contents of the record's id that were on its page too, and known already; see DedupWindow. */
export const unwrittenHeader = "apispool-unwritten";

/** A record with its place in the log's counting. */
export interface NumberedRecord {
  readonly record: ExtractedRecord;
  /** Contents of its id that were on its page too, and known already. */
  readonly unwritten: readonly string[] | undefined;
  readonly partition: number;
  /** Its running number in the partition, from 1. */
  readonly sequence: number;
  /** Of its page; milliseconds since the Unix epoch. */
  readonly timestamp: number;
}

/** The partition of a key: the same one always, as long as their number stays. */
export function partitionOf(id: string, partitions: number): number {
  return partitions === 1 ? 0 : createHash("sha256").update(id).digest().readUInt32BE(0) % partitions;
}

/** Where messages are from, and when they are written: all of one page at the same time. */
export interface Stamp {
  readonly source: string;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
}

/** A record as a Kafka message: CloudEvents 1.0, Kafka binding, binary mode. */
export function recordMessage(
  { record, unwritten, partition, sequence, timestamp }: NumberedRecord,
  source: string,
): PartitionedMessage {
  return {
    partition,
    timestamp: String(timestamp),
    key: record.key,
    value: record.json,
    headers: {
      [recordHeaders.specVersion]: "1.0",
      [recordHeaders.id]: record.id,
      [recordHeaders.source]: source,
      [recordHeaders.type]: RECORD_TYPE,
      ...(record.eventTime === undefined ? {} : { [recordHeaders.time]: record.eventTime }),
      [recordHeaders.contentType]: "application/json",
      [recordHeaders.sequence]: String(sequence),
      [recordHeaders.hash]: record.hash,
      ...(unwritten === undefined ? {} : { [unwrittenHeader]: unwritten.join(",") }),
    },
  };
}

/** A dead letter as a Kafka message: the raw bytes, and why they are no record. */
export function deadLetterMessage(
  { raw, hash, place, reason }: DeadLetter,
  { source, timestamp }: Stamp,
): PartitionedMessage {
  const cut = raw.length > MOST_DEAD_LETTER_BYTES;
  return {
    partition: 0,
    timestamp: String(timestamp),
    key: hash,
    value: cut ? raw.subarray(0, MOST_DEAD_LETTER_BYTES) : raw,
    headers: {
      // By these two a dead letter is known again, as a record is.
      [recordHeaders.id]: hash,
      [recordHeaders.hash]: hash,
      [recordHeaders.source]: source,
      "apispool-reason": reason,
      "apispool-place": place,
      ...(cut ? { "apispool-full-bytes": String(raw.length) } : {}),
    },
  };
}

/** Parts of a list that are fit for one request each, in order. Each is a wait for Kafka's answer: the fewer the better. */
export function inSends(messages: readonly PartitionedMessage[]): PartitionedMessage[][] {
  const sends: PartitionedMessage[][] = [];
  let current: PartitionedMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = bytesOf(message);
    if (current.length > 0 && bytes + size > MOST_BYTES_PER_SEND) {
      sends.push(current);
      current = [];
      bytes = 0;
    }
    current.push(message);
    bytes += size;
  }
  if (current.length > 0) sends.push(current);
  return sends;
}

/** The most that a message takes in a batch. */
function bytesOf({ key, value, headers = {} }: PartitionedMessage): number {
  let bytes = FRAME_BYTES + lengthOf(key) + lengthOf(value);
  for (const name of Object.keys(headers)) {
    const header = headers[name];
    if (Array.isArray(header)) throw new TypeError(`header ${name} has several values`);
    bytes += HEADER_FRAME_BYTES + name.length + lengthOf(header);
  }
  return bytes;
}

function lengthOf(text: Buffer | string | null | undefined): number {
  if (typeof text === "string") return Buffer.byteLength(text);
  return text?.length ?? 0;
}
