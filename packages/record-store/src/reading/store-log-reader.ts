import { Code, ConnectError } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type {
  FetchOptions,
  FetchedPartition,
  LogReader,
  PartitionOffset,
  TopicPartition,
} from "@apispool/kafka-log/log-reader.js";
import type { RecordStore, StoreRead, StoreRow } from "../store.js";
import { recordOf } from "./record-of.js";
import type { StoreEnds, StoredPartition } from "./store-ends.js";

type At = Parameters<LogReader["offsetsAt"]>[0];

/**
 * Reads what the store has from the store, and from Kafka what has not got there yet, so that nothing is later than from Kafka alone, and
 * what Kafka has let go is delivered all the same. What the store has removed because it was too old comes from Kafka, and is a gap where
 * Kafka has let it go, too. Positions and topics are Kafka's. Where the store is away Kafka answers
 * by itself, but for what only the store may have: that is UNAVAILABLE / STORE_UNAVAILABLE, and no gap.
 */
export function storeLogReader(kafka: LogReader, store: RecordStore, ends: StoreEnds): LogReader {
  /** Undefined: not from the store. `kafkaBegin`: Kafka no longer has what is there; what it has begins at this offset. */
  async function fetchStored(
    position: PartitionOffset,
    options: FetchOptions,
    kafkaBegin?: number,
  ): Promise<FetchedPartition | undefined> {
    const stored = await ends.of(position, position.offset);
    if (stored === undefined || stored.end <= position.offset) return undefined;
    if (stored.begin > position.offset && kafkaBegin === undefined) return undefined;
    const most = Math.min(options.maxBytes, options.maxBytesPerPartition);
    try {
      const read = await store.read(stored.source, position.partition, position.offset, most, options.signal);
      if (read.removedBefore > position.offset) {
        ends.begins(stored, position.partition, read.removedBefore);
        return kafkaBegin === undefined ? undefined : leftOf(position, stored, read, kafkaBegin);
      }
      return answerOf(position, stored, read, kafkaBegin);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isAway(error)) throw error;
      ends.failed();
      return undefined;
    }
  }

  async function fetch(
    positions: readonly PartitionOffset[],
    options: FetchOptions,
  ): Promise<readonly FetchedPartition[]> {
    const answers: (FetchedPartition | undefined)[] = [];
    let left = options.maxBytes;
    for (const position of positions) {
      // What there is no room for is not asked for; whoever reads comes again.
      const answer =
        left > 0 || answers.length === 0
          ? await fetchStored(position, { ...options, maxBytes: left })
          : nothing(position);
      answers.push(answer);
      left -= sizeOf(answer);
    }
    const rest = positions.filter((_, i) => answers[i] === undefined);
    if (rest.length === 0) return answers.filter((answer) => answer !== undefined);
    const any = answers.some((answer) => answer !== undefined);
    const others = await kafka.fetch(rest, any ? { ...options, maxBytes: Math.max(1, left), maxWaitMs: 0 } : options);
    const byPlace = new Map(others.map((answer) => [keyOf(answer), answer]));
    return Promise.all(
      positions.map(async (position, i) => {
        const answer = answers[i] ?? byPlace.get(keyOf(position));
        if (answer === undefined) throw new Error(`no answer for ${keyOf(position)}`);
        if (answer.outOfRange === "expired" && answers[i] === undefined) return expired(position, answer, options);
        return answer;
      }),
    );
  }

  /** Kafka has let go what was asked for. The store may have got it just before, or be unable to say. */
  async function expired(
    position: PartitionOffset,
    answer: FetchedPartition,
    options: FetchOptions,
  ): Promise<FetchedPartition> {
    const stored = await fetchStored(position, options, answer.nextOffset);
    if (stored !== undefined) return stored;
    if (ends.isAway) throw onlyThere();
    return answer;
  }

  async function offsetsAt(
    at: At,
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly PartitionOffset[]> {
    const found = await kafka.offsetsAt(at, partitions, signal);
    if (at === "latest") return found;
    const earliest = at === "earliest" ? found : await kafka.offsetsAt("earliest", partitions, signal);
    return Promise.all(
      found.map(async (place, i) => {
        const begin = earliest[i]?.offset ?? 0;
        // Where Kafka has older records than those, the store has no say.
        if (place.offset > begin || begin === 0) return place;
        const before = await olderThan(
          { ...place, offset: begin },
          at === "earliest" ? undefined : at.timestampMs,
          signal,
        );
        return before === undefined ? place : { ...place, offset: before };
      }),
    );
  }

  /** The first offset that only the store has, of records from a time on. */
  async function olderThan(
    place: PartitionOffset,
    fromMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<number | undefined> {
    const stored = await ends.of(place, 0);
    if (stored === undefined) {
      if (ends.isAway) throw onlyThere();
      return undefined;
    }
    const rowAt = async (offset: number): Promise<StoreRow | undefined> => {
      const { rows, removedBefore } = await store.read(stored.source, place.partition, offset, 1, signal);
      // What is left before that is what nobody should count on.
      return removedBefore > offset ? rowAt(removedBefore) : rows[0];
    };
    const first = await rowAt(0);
    if (first === undefined || first.offset >= place.offset) return undefined;
    if (fromMs === undefined || first.ingestedMs >= fromMs) return first.offset;
    // Times ascend with offsets.
    let low = first.offset;
    let high = place.offset;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const row = await rowAt(middle);
      if (row === undefined || row.offset >= high || row.ingestedMs >= fromMs) high = middle;
      else low = row.offset;
    }
    return high >= place.offset ? undefined : high;
  }

  return {
    topics: async (prefix, signal) => {
      const topics = await kafka.topics(prefix, signal);
      ends.saw(prefix, topics);
      return topics;
    },
    fetch,
    offsetsAt,
    leadersOf: (partitions, signal) => kafka.leadersOf(partitions, signal),
    committed: (group, partitions, signal) => kafka.committed(group, partitions, signal),
    commit: (group, offsets, signal, sendBy) => kafka.commit(group, offsets, signal, sendBy),
    groups: (prefix, signal) => kafka.groups(prefix, signal),
    deleteGroup: (group, signal) => kafka.deleteGroup(group, signal),
    ping: (signal) => kafka.ping(signal),
    close: () => kafka.close(),
  };
}

/**
 * What was read of a partition, in Kafka's terms, as far as the store has all of it. What it lacks is Kafka's to give, or to tell of; the store is
 * asked of that only where Kafka has let it go (`kafkaBegin`: what it has by now begins there).
 */
function answerOf(
  { topic, partition, offset }: PartitionOffset,
  { topicId }: StoredPartition,
  { rows, gaps, until }: StoreRead,
  kafkaBegin: number | undefined,
): FetchedPartition | undefined {
  if (until?.topicId !== topicId) return undefined;
  const gap = gaps.find(({ toOffset }) => toOffset > offset);
  const end = Math.min(until.offset, gap?.fromOffset ?? until.offset);
  const answer = {
    topic,
    partition,
    records: [],
    unreadable: [],
    lastStableOffset: until.offset,
    highWatermark: until.offset,
  };
  if (end > offset) {
    const records = rows.filter((row) => row.offset < end).map(recordOf);
    return { ...answer, records, nextOffset: end, logStartOffset: offset };
  }
  // The log itself has lost its end: what is there now is Kafka's to say.
  if (gap === undefined || kafkaBegin === undefined || gap.reason === "truncated") return undefined;
  const nextOffset = Math.min(gap.toOffset, kafkaBegin);
  if (gap.reason === "expired") return { ...answer, nextOffset, logStartOffset: nextOffset, outOfRange: "expired" };
  const unreadable = [{ fromOffset: offset, toOffset: nextOffset, detail: gap.detail }];
  return { ...answer, nextOffset, logStartOffset: offset, unreadable };
}

/**
 * Where records were removed for their age and Kafka has let them go: what is left of them as far as it lies together, else the gap up to
 * where either goes on. Times that do not ascend with offsets leave some in between.
 */
function leftOf(
  { topic, partition, offset }: PartitionOffset,
  { topicId }: StoredPartition,
  { rows, until, removedBefore }: StoreRead,
  kafkaBegin: number,
): FetchedPartition | undefined {
  if (until?.topicId !== topicId) return undefined;
  const end = until.offset;
  const common = { topic, partition, lastStableOffset: end, highWatermark: end, unreadable: [] };
  // Behind the end there may be some of what is just being written.
  const kept = rows.filter((row) => row.offset < end);
  const together = kept.filter((row, i) => row.offset === offset + i);
  if (together.length > 0) {
    return {
      ...common,
      records: together.map(recordOf),
      nextOffset: offset + together.length,
      logStartOffset: offset,
    };
  }
  const next = Math.min(kafkaBegin, removedBefore, kept[0]?.offset ?? Infinity);
  return { ...common, records: [], nextOffset: next, logStartOffset: next, outOfRange: "expired" };
}

function nothing({ topic, partition, offset }: PartitionOffset): FetchedPartition {
  const here = { nextOffset: offset, lastStableOffset: offset, highWatermark: offset, logStartOffset: offset };
  return { topic, partition, records: [], unreadable: [], ...here };
}

function sizeOf(answer: FetchedPartition | undefined): number {
  return answer?.records.reduce((sum, { bytes }) => sum + bytes.length, 0) ?? 0;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function isAway(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unavailable;
}

function onlyThere(): ConnectError {
  return rpcError(
    Code.Unavailable,
    "STORE_UNAVAILABLE",
    "Kafka no longer has what is unread, and the store, which may have it, cannot be asked",
    { retryAfterMs: 1000 },
  );
}
