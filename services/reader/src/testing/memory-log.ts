import { randomBytes } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type {
  CommittedOffset,
  FetchOptions,
  FetchedPartition,
  LogReader,
  LogRecord,
  PartitionOffset,
  TopicInfo,
  TopicPartition,
} from "@apispool/kafka-log/log-reader.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { storeRecord } from "@apispool/kafka-log/testing/store-record.js";

export type MemoryRequest = "topics" | "fetch" | "offsets" | "committed" | "commit";

/** A record to be written; what is left out is null, none, or now. */
export type NewRecord = Partial<Omit<LogRecord, "offset">>;

interface Batch {
  readonly base: number;
  readonly last: number;
  /** Empty for markers. Compaction takes records out and leaves the batch. */
  records: readonly StoredRecord[];
  readonly transaction: Transaction | undefined;
  readonly size: number;
}

/** A transaction: nothing behind its first record is read before it ends. */
export interface Transaction {
  state: "open" | "committed" | "aborted";
  readonly partitions: Set<Partition>;
}

class Partition {
  readonly batches: Batch[] = [];
  start = 0;
  end = 0;

  /** The last stable offset. */
  get stable(): number {
    return this.batches.find(({ transaction }) => transaction?.state === "open")?.base ?? this.end;
  }

  add(records: readonly NewRecord[], transaction?: Transaction): number {
    const base = this.end;
    const stored = records.map(({ timestampMs = base, key = null, value = null, headers = [] }, i) =>
      storeRecord({ offset: base + i, timestampMs, key, value, headers }),
    );
    // A marker takes an offset, too.
    const last = base + Math.max(1, stored.length) - 1;
    const size = 61 + stored.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.batches.push({ base, last, records: stored, transaction, size });
    this.end = last + 1;
    return base;
  }
}

interface Topic {
  readonly topicId: string;
  readonly partitions: readonly Partition[];
}

/**
 * Kafka as far as reading it goes, in memory: batches, markers that take offsets, transactions that are open or aborted,
 * compaction, retention, truncation, topics that are made again, committed offsets. Asked and answering as Kafka does.
 */
export class MemoryLog implements LogReader {
  readonly #topics = new Map<string, Topic>();
  readonly #groups = new Map<string, Map<string, CommittedOffset>>();
  readonly #waiting = new Set<() => void>();
  /** Called before every request; may throw what it fails with, or take its time. */
  before: (request: MemoryRequest) => Promise<void> | void = () => undefined;
  /** Called when a request has had its effect; may throw what becomes of its answer. */
  after: (request: MemoryRequest) => void = () => undefined;
  readonly #bytesPerRecord: number;

  /** `bytesPerRecord`: for how large a record passes beside what is in it, so that few of them fill a fetch. */
  constructor({ bytesPerRecord = 0 } = {}) {
    this.#bytesPerRecord = bytesPerRecord;
  }

  createTopic(name: string, partitions = 1): void {
    const topicId = randomBytes(16).toString("hex");
    this.#topics.set(name, { topicId, partitions: Array.from({ length: partitions }, () => new Partition()) });
    this.#wake();
  }

  /** Kafka forgets the committed offsets of a topic that is deleted, but not at once. */
  deleteTopic(name: string, { keepOffsets = false } = {}): void {
    this.#topics.delete(name);
    if (keepOffsets) return;
    for (const group of this.#groups.values()) {
      for (const [key, { topic }] of group) if (topic === name) group.delete(key);
    }
  }

  /** Appends one batch; tells the offset of its first record. */
  append(topic: string, partition: number, records: readonly NewRecord[], transaction?: Transaction): number {
    const found = this.#partition({ topic, partition });
    const base = found.add(records, transaction);
    transaction?.partitions.add(found);
    this.#wake();
    return base;
  }

  begin(): Transaction {
    return { state: "open", partitions: new Set() };
  }

  /** Ends a transaction with a marker in each of its partitions. */
  finish(transaction: Transaction, state: "committed" | "aborted"): void {
    transaction.state = state;
    for (const partition of transaction.partitions) partition.add([]);
    this.#wake();
  }

  /** Takes records out, as compaction does: the offsets that they had are never seen again. */
  compact(topic: string, partition: number, keep: (offset: number) => boolean): void {
    for (const batch of this.#partition({ topic, partition }).batches) {
      batch.records = batch.records.filter(({ offset }) => keep(offset));
    }
  }

  /** Deletes what lies before an offset, as retention and DeleteRecords do. */
  deleteBefore(topic: string, partition: number, offset: number): void {
    const found = this.#partition({ topic, partition });
    found.start = Math.max(found.start, Math.min(offset, found.stable));
    while (found.batches[0] !== undefined && found.batches[0].last < found.start) found.batches.shift();
  }

  /** Loses the end, as an unclean leader election does: whole batches from an offset on. */
  truncate(topic: string, partition: number, offset: number): void {
    const found = this.#partition({ topic, partition });
    while ((found.batches.at(-1)?.base ?? -1) >= offset) {
      const lost = found.batches.pop();
      if (lost !== undefined) found.end = lost.base;
    }
  }

  /** Where the log of a partition begins, may be read up to, and ends; undefined where there is none. */
  bounds(
    topic: string,
    partition: number,
  ): { start: number; stable: number; end: number; topicId: string } | undefined {
    const found = this.#topics.get(topic);
    const at = found?.partitions[partition];
    if (found === undefined || at === undefined) return undefined;
    return { start: at.start, stable: at.stable, end: at.end, topicId: found.topicId };
  }

  /** Every record that a reader may ever see now, in order. */
  readable(topic: string, partition: number): readonly StoredRecord[] {
    const { batches, start, stable } = this.#partition({ topic, partition });
    return batches
      .filter(({ base, transaction }) => base < stable && transaction?.state !== "aborted")
      .flatMap(({ records }) => records.filter(({ offset }) => offset >= start));
  }

  async topics(prefix: string): Promise<readonly TopicInfo[]> {
    await this.before("topics");
    return [...this.#topics]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, { topicId, partitions }]) => ({ name, topicId, partitions: [...partitions.keys()] }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async fetch(positions: readonly PartitionOffset[], options: FetchOptions): Promise<readonly FetchedPartition[]> {
    await this.before("fetch");
    options.signal?.throwIfAborted();
    const until = performance.now() + options.maxWaitMs;
    for (;;) {
      let bytes = 0;
      const answers = positions.map((position) => {
        const { answer, size } = this.#fetchOne(position, bytes < options.maxBytes ? options.maxBytesPerPartition : 0);
        bytes += size;
        return answer;
      });
      const left = until - performance.now();
      const isNews = answers.some((a, i) => a.outOfRange !== undefined || a.nextOffset !== positions[i]?.offset);
      if (isNews || left <= 0 || positions.length === 0) return answers;
      await this.#grown(left, options.signal);
    }
  }

  async offsetsAt(
    at: "earliest" | "latest" | { readonly timestampMs: number },
    partitions: readonly TopicPartition[],
  ): Promise<readonly PartitionOffset[]> {
    await this.before("offsets");
    return partitions.map(({ topic, partition }) => {
      const { start, stable } = this.#partition({ topic, partition });
      if (at === "earliest") return { topic, partition, offset: start };
      if (at === "latest") return { topic, partition, offset: stable };
      const first = this.readable(topic, partition).find(({ timestampMs }) => timestampMs >= at.timestampMs);
      return { topic, partition, offset: first?.offset ?? stable };
    });
  }

  async committed(group: string, partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    await this.before("committed");
    const offsets = this.#groups.get(group);
    return partitions.flatMap((partition) => offsets?.get(keyOf(partition)) ?? []);
  }

  async leadersOf(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    return Promise.resolve(partitions.map(() => 1));
  }

  async commit(
    group: string,
    offsets: readonly CommittedOffset[],
    _signal?: AbortSignal,
    sendBy = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    if (offsets.length === 0) return true;
    await this.before("commit");
    if (performance.now() > sendBy) return false;
    const known = this.#groups.get(group) ?? new Map<string, CommittedOffset>();
    this.#groups.set(group, known);
    for (const offset of offsets) known.set(keyOf(offset), offset);
    this.after("commit");
    return true;
  }

  async groups(prefix: string): Promise<readonly string[]> {
    return [...this.#groups.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  }

  async deleteGroup(group: string): Promise<boolean> {
    return this.#groups.delete(group);
  }

  async ping(): Promise<void> {
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.#wake();
    await Promise.resolve();
  }

  #partition({ topic, partition }: TopicPartition): Partition {
    const found = this.#topics.get(topic)?.partitions[partition];
    if (found === undefined)
      throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `there is no topic partition ${topic}/${partition} in Kafka`);
    return found;
  }

  #fetchOne(position: PartitionOffset, mostBytes: number): { answer: FetchedPartition; size: number } {
    const { topic, partition, offset } = position;
    const { batches, start, end, stable } = this.#partition(position);
    const common = { topic, partition, lastStableOffset: stable, highWatermark: end, logStartOffset: start };
    const nothing = { ...common, records: [], unreadable: [] };
    if (offset < start) return { answer: { ...nothing, nextOffset: start, outOfRange: "expired" }, size: 0 };
    if (offset > end) return { answer: { ...nothing, nextOffset: stable, outOfRange: "truncated" }, size: 0 };
    const records: StoredRecord[] = [];
    let nextOffset = offset;
    let size = 0;
    for (const batch of batches) {
      if (batch.last < offset) continue;
      if (batch.base >= stable || size >= mostBytes) break;
      size += batch.size + (batch.last - batch.base + 1) * this.#bytesPerRecord;
      nextOffset = batch.last + 1;
      if (batch.transaction?.state === "aborted") continue;
      records.push(...batch.records.filter((record) => record.offset >= offset));
    }
    return { answer: { ...nothing, records, nextOffset }, size };
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #grown(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
      this.#waiting.add(done);
    });
    signal?.throwIfAborted();
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
