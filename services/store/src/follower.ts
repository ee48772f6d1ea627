import { ConnectError } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Catalogue, SourcePartition } from "@apispool/kafka-log/catalogue.js";
import type { FetchedPartition, LogReader } from "@apispool/kafka-log/log-reader.js";
import { RecordFields } from "@apispool/record-codec/record-fields.js";
import type { Projection, StoreGap, StorePosition, StoreRemoval, StoreRow } from "@apispool/record-store/store.js";
import { rowOf } from "./row.js";

/** How often it is looked whether there are other topics, partitions or leaders. */
const LOOK_MS = 2000;
/** How long Kafka keeps a question for new records. */
const POLL_MS = 500;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** About what one transaction of the database holds. */
const WRITE_ROWS = 5000;
const WRITE_BYTES = 4 * 1024 * 1024;

/** How far one partition has come. */
export interface Progress extends SourcePartition {
  /** Where this began. */
  readonly begin: number;
  /** Everything before it is in the store. */
  nextOffset: number;
  /** The end of what may be read, as Kafka last said. Undefined: it has not been asked yet. */
  end: number | undefined;
  /** When that was, in milliseconds since the Unix epoch. */
  checkedMs: number | undefined;
  /** When the newest record that is in the store was written to Kafka, likewise; undefined: none of it is known. */
  newestMs: number | undefined;
}

/** How many offsets of a partition are not in the store yet. */
export function missingOf({ end, nextOffset }: Progress): number {
  return Math.max(0, (end ?? nextOffset) - nextOffset);
}

/** A partition's place in Kafka, ahead of what has been written. */
interface Reading {
  readonly progress: Progress;
  offset: number;
}

export interface FollowerOptions {
  /** For this one alone: a fetch that waits for records holds its connection up. */
  readonly log: LogReader;
  readonly catalogue: Catalogue;
  readonly projection: Projection;
  readonly logger: Logger;
  readonly fetchBytes: number;
  /** What is so old already, in milliseconds, is not read in the first place; undefined: everything is. */
  readonly skipMs: (partition: SourcePartition) => number | undefined;
  readonly onWritten: (rows: readonly StoreRow[]) => void;
}

/** Something that the store has of a partition is not, or no longer, what Kafka has. */
class Diverged extends Error {
  readonly source: string;
  constructor(source: string, why: string) {
    super(why);
    this.source = source;
  }
}

/**
 * Follows the records topics into one projection. Whatever fails is tried again from what the store says of itself: rows and position
 * are in one transaction, so nothing of a process that was killed counts but what it has committed.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  #progress: readonly Progress[] = [];
  #problem = "it has not begun yet";
  #running: Promise<void> | undefined;
  /** What the store has of these sources is to go. Only when nothing is written besides, or it would come back in parts. */
  readonly #diverged = new Set<string>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** What there is to follow, as it was last looked at. */
  get progress(): readonly Progress[] {
    return this.#progress;
  }

  /** Why it does not go on, for a person; empty when it does. */
  get problem(): string {
    return this.#problem;
  }

  /** Everything that Kafka had when it was last asked is in the store. */
  get isComplete(): boolean {
    return (
      this.#problem === "" && this.#progress.every(({ end, nextOffset }) => end !== undefined && nextOffset >= end)
    );
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** Ends with the transaction that is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => (pauseMs = FIRST_PAUSE_MS));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Diverged) {
          logger.warn({ source: error.source }, `${error.message}; what the store has of it is read anew`);
          this.#diverged.add(error.source);
          continue;
        }
        const why = error instanceof ConnectError ? error.rawMessage : describeError(error);
        if (why !== this.#problem) logger.warn({ err: describeError(error) }, `the store does not follow: ${why}`);
        this.#problem = why;
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Follows what there is, until there is something else. */
  async #follow(signal: AbortSignal, onRead: () => void): Promise<void> {
    const { log, catalogue, logger } = this.#options;
    const partitions = await catalogue.partitions();
    const progress = await this.#begin(partitions, signal);
    const leaders = await log.leadersOf(partitions, signal);
    this.#progress = progress;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const pumps: Promise<void>[] = [];
    for (const leader of new Set(leaders)) {
      // A partition without one is read as soon as it has one, and holds up no other.
      if (leader < 0) continue;
      const own = progress.filter((_one, i) => leaders[i] === leader);
      pumps.push(
        this.#pump(own, Math.ceil(this.#options.fetchBytes / new Set(leaders).size), either, () => {
          onRead();
          if (this.#problem === "") return;
          if (this.#problem !== "it has not begun yet") logger.info("the store follows again");
          this.#problem = "";
        }),
      );
    }
    // With nothing to follow all is well, too.
    if (pumps.length === 0) this.#problem = "";
    const look = async (): Promise<void> => {
      for (;;) {
        await sleep(LOOK_MS, undefined, { signal: either });
        const now = await catalogue.partitions();
        const theirLeaders = await log.leadersOf(now, either);
        if (signatureOf(now, theirLeaders) !== signatureOf(partitions, leaders)) return;
      }
    };
    const all = [look(), ...pumps];
    try {
      // The look ends when there is something else, a pump never by itself.
      await Promise.race(all);
    } finally {
      ended.abort();
      await Promise.allSettled(all);
    }
  }

  /** Where each partition is to be read from; forgets what belongs to topics that were made again. */
  async #begin(partitions: readonly SourcePartition[], signal: AbortSignal): Promise<readonly Progress[]> {
    const { log, projection } = this.#options;
    for (const source of this.#diverged) {
      await projection.forget(source);
      this.#diverged.delete(source);
    }
    const known = await projection.positions();
    const stored = new Map<string, StorePosition>();
    for (const position of known) stored.set(placeOf(position), position);
    for (const { source, topicId } of partitions) {
      if (known.some((position) => position.source === source && position.topicId !== topicId)) {
        throw new Diverged(source, `the topic of the source "${source}" was made again`);
      }
    }
    const fresh = partitions.filter((partition) => !stored.has(placeOf(partition)));
    const first = new Map((await log.offsetsAt("earliest", fresh, signal)).map((at, i) => [fresh[i], at.offset]));
    // Whoever reads from the store is told of what was never in it, as of what Kafka no longer has.
    const lost = fresh.flatMap((partition): StoreGap[] => {
      const { source, topicId, partition: number } = partition;
      const toOffset = first.get(partition) ?? 0;
      const detail = "Kafka had removed them before the store was made";
      return toOffset === 0
        ? []
        : [{ source, topicId, partition: number, fromOffset: 0, toOffset, reason: "expired", detail }];
    });
    const skipped = await this.#tooOld(fresh, first, signal);
    // With the positions, so that what was skipped is skipped once.
    const passed = skipped.map(({ topicId, source, partition, beforeOffset: nextOffset }) => {
      return { source, topicId, partition, nextOffset };
    });
    if (lost.length > 0 || skipped.length > 0) await projection.write([], passed, lost, skipped);
    const before = new Map(this.#progress.map((one) => [placeOf(one) + one.topicId, one]));
    return partitions.map((partition) => {
      const nextOffset = stored.get(placeOf(partition))?.nextOffset ?? first.get(partition) ?? 0;
      const earlier = before.get(placeOf(partition) + partition.topicId);
      return {
        ...partition,
        begin: earlier?.begin ?? nextOffset,
        nextOffset,
        end: earlier?.end,
        checkedMs: earlier?.checkedMs,
        newestMs: earlier?.newestMs,
      };
    });
  }

  /** Moves each partition's beginning behind what would be removed at once because it is too old, and says what that is. */
  async #tooOld(
    fresh: readonly SourcePartition[],
    first: Map<SourcePartition | undefined, number>,
    signal: AbortSignal,
  ): Promise<readonly (StoreRemoval & { readonly topicId: string })[]> {
    const { log, skipMs } = this.#options;
    const skipped: (StoreRemoval & { readonly topicId: string })[] = [];
    for (const ms of new Set(fresh.flatMap((partition) => skipMs(partition) ?? []))) {
      const partitions = fresh.filter((partition) => skipMs(partition) === ms);
      const beforeMs = Date.now() - ms;
      // Where no record is young enough the answer is the end, as it is by then: what comes in between must not be passed over.
      const ends = await log.offsetsAt("latest", partitions, signal);
      const places = await log.offsetsAt({ timestampMs: beforeMs }, partitions, signal);
      for (const [i, partition] of partitions.entries()) {
        const beforeOffset = Math.min(places[i]?.offset ?? 0, ends[i]?.offset ?? 0);
        if (beforeOffset <= (first.get(partition) ?? 0)) continue;
        first.set(partition, beforeOffset);
        const { source, topicId, partition: number } = partition;
        skipped.push({ source, topicId, partition: number, beforeOffset, beforeMs });
      }
    }
    return skipped;
  }

  /** Reads the partitions of one broker. While one answer is written, the next one is fetched. */
  async #pump(all: readonly Progress[], maxBytes: number, signal: AbortSignal, onRead: () => void): Promise<void> {
    const { log } = this.#options;
    const readings: Reading[] = all.map((progress) => ({ progress, offset: progress.nextOffset }));
    const fetch = (): Promise<readonly FetchedPartition[]> => {
      const positions = readings.map(({ progress: { topic, partition }, offset }) => ({ topic, partition, offset }));
      const fetched = log.fetch(positions, {
        maxBytes,
        maxBytesPerPartition: maxBytes,
        maxWaitMs: POLL_MS,
        signal,
      });
      fetched.catch(() => undefined);
      return fetched;
    };
    for (let next = fetch(); ;) {
      const fetched = await next;
      onRead();
      const gaps = this.#gaps(readings, fetched);
      for (const [i, { nextOffset }] of fetched.entries()) (readings[i] as Reading).offset = nextOffset;
      next = fetch();
      await this.#write(readings, fetched, gaps, signal);
    }
  }

  /** Throws where the store has records that Kafka has lost. */
  #gaps(readings: readonly Reading[], fetched: readonly FetchedPartition[]): StoreGap[] {
    return fetched.flatMap(({ outOfRange, nextOffset, unreadable }, i): StoreGap[] => {
      const { progress, offset } = readings[i] as Reading;
      const { source, topicId, partition } = progress;
      const place = { source, topicId, partition };
      if (outOfRange === "truncated") throw new Diverged(source, `Kafka has lost the end of the topic of "${source}"`);
      if (outOfRange === "expired") {
        const detail = "Kafka had removed them before they were read";
        return [{ ...place, fromOffset: offset, toOffset: nextOffset, reason: "expired", detail }];
      }
      return unreadable.map((range) => ({ ...place, ...range, reason: "unreadable" }));
    });
  }

  /** In transactions of a bounded size. */
  async #write(
    readings: readonly Reading[],
    fetched: readonly FetchedPartition[],
    gaps: readonly StoreGap[],
    signal: AbortSignal,
  ): Promise<void> {
    const { projection, onWritten } = this.#options;
    const fields = new RecordFields();
    let rows: StoreRow[] = [];
    let bytes = 0;
    let moved = new Map<Progress, { readonly nextOffset: number; readonly newestMs: number | undefined }>();
    // With the first of it: a position must not pass a gap that nobody was told of.
    let untold = gaps;
    const flush = async (): Promise<void> => {
      if (moved.size === 0 && untold.length === 0) return;
      signal.throwIfAborted();
      const positions = [...moved].map(([{ source, topicId, partition }, { nextOffset }]) => ({
        source,
        topicId,
        partition,
        nextOffset,
      }));
      await projection.write(rows, positions, untold);
      untold = [];
      for (const [progress, { nextOffset, newestMs = progress.newestMs }] of moved) {
        progress.nextOffset = nextOffset;
        progress.newestMs = newestMs;
      }
      if (rows.length > 0) onWritten(rows);
      rows = [];
      bytes = 0;
      moved = new Map();
    };
    for (const [i, { records, nextOffset, lastStableOffset }] of fetched.entries()) {
      const { progress } = readings[i] as Reading;
      progress.end = lastStableOffset;
      progress.checkedMs = Date.now();
      for (const record of records) {
        rows.push(rowOf(record, progress.source, progress.partition, fields));
        bytes += record.end - record.keyFrom;
        moved.set(progress, { nextOffset: record.offset + 1, newestMs: record.timestampMs });
        if (rows.length >= WRITE_ROWS || bytes >= WRITE_BYTES) await flush();
      }
      if (nextOffset !== progress.nextOffset)
        moved.set(progress, { nextOffset, newestMs: records.at(-1)?.timestampMs });
    }
    await flush();
  }
}

function placeOf({ source, partition }: { readonly source: string; readonly partition: number }): string {
  return `${source}/${partition}`;
}

function signatureOf(partitions: readonly SourcePartition[], leaders: readonly number[]): string {
  return partitions.map((one, i) => `${placeOf(one)} ${one.topicId} ${leaders[i]}`).join("\n");
}
