import type { StoredRecord } from "./stored-record.js";

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  /** The offset of the next record. Offsets are kept as numbers: 2^53 of them outlast any topic. */
  readonly offset: number;
}

export interface TopicInfo {
  readonly name: string;
  /** The topic id (KIP-516) in lower-case hex: another one means that the topic was deleted and made again. */
  readonly topicId: string;
  /** The partition numbers, ascending. */
  readonly partitions: readonly number[];
}

/** A record as it lies in the log. The buffers are views of the fetched bytes: copy what outlives the batch. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

/** Bytes of the log that could not be read: damaged, or in a form that is not known here. */
export interface UnreadableRange {
  readonly fromOffset: number;
  /** Exclusive. */
  readonly toOffset: number;
  readonly detail: string;
}

export interface FetchedPartition extends TopicPartition {
  /** Committed records at or after the offset asked for, in order. */
  readonly records: readonly StoredRecord[];
  /** Where to go on: past every batch that was looked at, markers, aborted and compacted records included. */
  readonly nextOffset: number;
  /** Readers of committed records get no further than this (LSO). */
  readonly lastStableOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  /**
   * Set when the offset asked for is not in the log: "expired" when it lies before logStartOffset, "truncated" when it
   * lies after the log's end. Then there are no records and nextOffset is where reading can go on
   * (logStartOffset, or the end).
   */
  readonly outOfRange?: "expired" | "truncated";
  readonly unreadable: readonly UnreadableRange[];
}

export interface FetchOptions {
  /** Most bytes over all partitions; one record batch comes at least, however large. */
  readonly maxBytes: number;
  /** Most bytes of one partition. */
  readonly maxBytesPerPartition: number;
  /** How long the broker may wait for the first byte, in milliseconds; 0: answer at once. */
  readonly maxWaitMs: number;
  readonly signal?: AbortSignal;
}

export interface CommittedOffset extends PartitionOffset {
  /** What the committer wrote beside the offset. */
  readonly metadata: string;
}

/**
 * Reads Kafka by explicit offsets: no consumer group membership, no rebalance, nothing kept between calls that could
 * not be dropped. Read-committed always.
 *
 * Every method retries what passes by itself (leader changes, coordinator loading, a broken connection) within a few
 * seconds, and otherwise rejects with a ConnectError: UNAVAILABLE / KAFKA_UNAVAILABLE when Kafka cannot be reached.
 */
export interface LogReader {
  /** Every topic whose name begins with the prefix; asks the broker, so a new topic shows at once. */
  topics(prefix: string, signal?: AbortSignal): Promise<readonly TopicInfo[]>;
  /**
   * The nodes that lead some partitions, as they were last heard of; -1 where there is none. A fetch from several nodes takes
   * as long as the slowest of them.
   */
  leadersOf(partitions: readonly TopicPartition[], signal?: AbortSignal): Promise<readonly number[]>;
  /** One answer for each position asked for, in the same order. */
  fetch(positions: readonly PartitionOffset[], options: FetchOptions): Promise<readonly FetchedPartition[]>;
  /**
   * Offsets of a place in the log: its oldest record, the last stable offset, or the first record at or after a time
   * (the last stable offset when there is none).
   */
  offsetsAt(
    at: "earliest" | "latest" | { readonly timestampMs: number },
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly PartitionOffset[]>;
  /** The committed offsets of a group; partitions without one are left out. */
  committed(
    group: string,
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly CommittedOffset[]>;
  /**
   * Commits as Kafka's "simple consumer" does (generation -1, no member). FAILED_PRECONDITION / READER_IN_USE_BY_GROUP
   * while a member of a real consumer group of that name is alive. Kafka has no commit that depends on what was committed
   * before: whoever has read that gives `sendBy` (performance.now()), after which it is not sent, nor sent again. False then.
   */
  commit(group: string, offsets: readonly CommittedOffset[], signal?: AbortSignal, sendBy?: number): Promise<boolean>;
  /** The names of all groups that begin with the prefix, in order. */
  groups(prefix: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Forgets a group and its offsets; false when there was none. */
  deleteGroup(group: string, signal?: AbortSignal): Promise<boolean>;
  /** Rejects when Kafka cannot be reached; for readiness probes. */
  ping(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
