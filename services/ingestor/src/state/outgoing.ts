import { createHash } from "node:crypto";
import { traceparentHeader } from "@apispool/common/tracing.js";
import { utf8Length } from "@apispool/kafka-log/short-text.js";
import { deadLetterHeaders, recordHeaders } from "@apispool/kafka-log/topics.js";
import type { ExtractedRecord } from "../extract/page.js";
import type { Found } from "../poll/poll-sink.js";
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
interface NumberedRecord {
  readonly record: ExtractedRecord;
  /** Contents of its id that were on its page too, and known already. */
  readonly unwritten: readonly string[] | undefined;
  readonly partition: number;
  /** Its running number in the partition, from 1. */
  readonly sequence: number;
  /** Of its page; milliseconds since the Unix epoch. */
  readonly timestamp: number;
}

/** Gives records their partitions and running numbers; `sequences` has the newest of each partition, and is moved on. */
export function* numbered(
  found: readonly Found[],
  partitions: number,
  sequences: Map<number, number>,
): Generator<NumberedRecord> {
  for (const { records, timestamp, unwritten } of found) {
    for (const record of records) {
      const partition = partitionOf(record.key, partitions);
      const sequence = (sequences.get(partition) ?? 0) + 1;
      sequences.set(partition, sequence);
      yield { record, unwritten: unwritten?.get(record.id), partition, sequence, timestamp };
    }
  }
}

/** The partition of a key: the same one always, as long as their number stays. */
function partitionOf(id: string, partitions: number): number {
  return partitions === 1 ? 0 : createHash("sha256").update(id).digest().readUInt32BE(0) % partitions;
}

/** Records as Kafka messages: CloudEvents 1.0, Kafka binding, binary mode. `traceparent`: of what wrote them, where that is traced. */
export function* recordMessages(
  records: Iterable<NumberedRecord>,
  source: string,
  traceparent?: string,
): Generator<PartitionedMessage> {
  // CloudEvents' extension "Distributed Tracing"; without the binding's prefix, as OpenTelemetry's Kafka clients have it.
  const origin = traceparent === undefined ? {} : { [traceparentHeader]: traceparent };
  for (const { record, unwritten, partition, sequence, timestamp } of records) {
    yield {
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
        ...origin,
      },
    };
  }
}

/** Dead letters as Kafka messages: the raw bytes, and why they are no record. */
export function* deadLetterMessages(found: readonly Found[], source: string): Generator<PartitionedMessage> {
  for (const { deadLetters, timestamp } of found) {
    for (const { raw, hash, place, reason } of deadLetters) {
      const cut = raw.length > MOST_DEAD_LETTER_BYTES;
      yield {
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
  }
}

/**
 * Parts of a list that are fit for one request each, in order. Each is a wait for Kafka's answer: the fewer the better.
 * They are made when they are asked for, so that only one of them is in memory.
 */
export function* inSends(messages: Iterable<PartitionedMessage>): Generator<PartitionedMessage[]> {
  let current: PartitionedMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = bytesOf(message);
    if (current.length > 0 && bytes + size > MOST_BYTES_PER_SEND) {
      yield current;
      current = [];
      bytes = 0;
    }
    current.push(message);
    bytes += size;
  }
  if (current.length > 0) yield current;
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
  if (typeof text === "string") return utf8Length(text);
  return text?.length ?? 0;
}
