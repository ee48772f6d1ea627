import { createHash } from "node:crypto";
import { deadLetterHeaders, recordHeaders } from "@apispool/kafka-log/topics.js";
import type { DeadLetter, ExtractedRecord } from "../extract/page.js";
import type { PartitionedMessage } from "./transactional-producer.js";

/** The CloudEvents type of every record. */
const RECORD_TYPE = "apispool.record.v1";

/** kafkajs's batches cost the square of their length: this is where its rate is best. */
const MOST_RECORDS_PER_SEND = 1000;
const MOST_BYTES_PER_SEND = 900_000;
/** About what headers and framing add to a record. */
const RECORD_OVERHEAD_BYTES = 400;

/** Dead letters are for people to look at; the beginning of a huge one does. */
const MOST_DEAD_LETTER_BYTES = 512 * 1024;

/** Names contents of the record's id that were on its page too, and known already; see DedupWindow. */
export const unwrittenHeader = "apispool-unwritten";

/** A record with its place in the log's counting. */
export interface NumberedRecord {
  readonly record: ExtractedRecord;
  readonly unwritten: readonly string[];
  readonly partition: number;
  /** Its running number in the partition, from 1. */
  readonly sequence: number;
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
  { record, unwritten, partition, sequence }: NumberedRecord,
  { source, timestamp }: Stamp,
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
      ...(unwritten.length === 0 ? {} : { [unwrittenHeader]: unwritten.join(",") }),
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
      [deadLetterHeaders.reason]: reason,
      [deadLetterHeaders.place]: place,
      ...(cut ? { [deadLetterHeaders.fullBytes]: String(raw.length) } : {}),
    },
  };
}

/** Parts of a list that are fit for one request each, in order. */
export function inSends(messages: readonly PartitionedMessage[]): PartitionedMessage[][] {
  const sends: PartitionedMessage[][] = [];
  let current: PartitionedMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = (message.value?.length ?? 0) + 2 * (message.key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    if (current.length > 0 && (current.length >= MOST_RECORDS_PER_SEND || bytes + size > MOST_BYTES_PER_SEND)) {
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
