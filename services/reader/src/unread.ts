import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { FetchedPartition, LogReader } from "@apispool/kafka-log/log-reader.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import type { Gap } from "./gap.js";
import type { HeadWatch } from "./head-watch.js";
import { type Place, keyOf, placesByKey } from "./place.js";

/** Records of one partition, in offset order. */
export interface Run {
  readonly source: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
}

/** As much as one message of a stream holds. */
export interface Chunk {
  readonly runs: readonly Run[];
  readonly gaps: readonly Gap[];
  /** Where the reader stands once it has this chunk, in every partition in which that is not where the fetch began. */
  readonly places: readonly Place[];
  /** Nothing follows: all that was unread when the fetch began, or all that was asked for, has been given. */
  readonly complete: boolean;
}

export interface UnreadOptions {
  readonly log: LogReader;
  readonly head: HeadWatch;
  readonly signal: AbortSignal;
  /** About the most bytes of a chunk. */
  readonly batchBytes: number;
  /** About the most bytes that are kept ahead of the client. */
  readonly fetchBytes: number;
  /** The most records; Infinity: no limit. */
  readonly limit: number;
  /** The most bytes of keys and values, but one record at least; Infinity: no limit. */
  readonly maxBytes: number;
  /** How long to wait for the first record where there is none, in milliseconds. */
  readonly waitMs: number;
  /** Go on with new records as they come, until the signal. */
  readonly follow: boolean;
  /** Chunks tell every place, not only those that reading has left behind. */
  readonly wholeCursor: boolean;
  /** Partitions that are there now and were not when the fetch began, with where to begin in them. */
  readonly discover: (known: readonly Place[]) => Promise<readonly Place[]>;
}

/** How often a live tail and a waiting fetch look for new sources and partitions, in milliseconds. */
const DISCOVER_MS = 2000;
/** A fetch that brings nothing although there is something is tried again so often, this many milliseconds apart. */
const STUCK_TRIES = 200;
const STUCK_MS = 50;
const MOST_RECORDS = 2000;
/** About what id, offset, times and headers add to a record in a message. */
const OVERHEAD_BYTES = 150;

/**
 * What is unread from some places on, chunk by chunk: the last one of a finite fetch says `complete`, and there is always
 * one, be it empty. The end of a finite fetch is where the log ended when it began, so it ends however fast records come in.
 * The next fetch from Kafka is under way while the chunks of the one before are being taken.
 */
export async function* unread(
  from: readonly Place[],
  gaps: readonly Gap[],
  options: UnreadOptions,
): AsyncGenerator<Chunk, void, undefined> {
  const reading = new Reading(from, gaps, options);
  await reading.lookAhead();
  if (options.waitMs > 0 && !options.follow) await reading.awaitFirst(options.waitMs);
  if (options.follow && reading.atEnd) yield reading.chunk([], false);
  for (;;) {
    yield* reading.toEnd();
    if (!options.follow || reading.exhausted) return;
    await reading.awaitMore();
  }
}

class Reading {
  readonly #options: UnreadOptions;
  readonly #places: Map<string, Place>;
  readonly #moved = new Set<string>();
  #gaps: Gap[];
  /** Where reading pauses: the end of each partition when it was last asked for. */
  #ends = new Map<string, number>();
  #left: number;
  #bytesLeft: number;
  #turn = 0;
  #fetching: Promise<readonly FetchedPartition[]> | undefined;

  constructor(from: readonly Place[], gaps: readonly Gap[], options: UnreadOptions) {
    this.#options = options;
    this.#places = placesByKey(from);
    this.#gaps = [...gaps];
    // A gap that was found before the fetch is read past with its first chunk.
    for (const place of from) {
      if (options.wholeCursor) this.#moved.add(keyOf(place));
      if (gaps.some((gap) => gap.source === place.source && gap.partition === place.partition))
        this.#moved.add(keyOf(place));
    }
    this.#left = options.limit;
    this.#bytesLeft = options.maxBytes;
  }

  /** Everything up to the ends that are known has been given. */
  get atEnd(): boolean {
    return this.#gaps.length === 0 && this.#pending().length === 0;
  }

  /** As much as was asked for has been given. */
  get exhausted(): boolean {
    return this.#left <= 0 || this.#bytesLeft <= 0;
  }

  /** Asks for the ends of the log as they are now. */
  async lookAhead(): Promise<void> {
    const { log, signal } = this.#options;
    const ends = await log.offsetsAt("latest", [...this.#places.values()], signal);
    this.#ends = new Map(ends.map((end) => [keyOf(end), end.offset]));
  }

  /** Waits for something to read; new sources count, too. */
  async awaitFirst(ms: number): Promise<void> {
    const end = performance.now() + ms;
    for (let left = ms; left > 0 && this.atEnd; left = end - performance.now()) await this.#pause(left);
  }

  async awaitMore(): Promise<void> {
    while (this.atEnd) await this.#pause(DISCOVER_MS);
  }

  async #pause(mostMs: number): Promise<void> {
    const { head, signal, discover, wholeCursor } = this.#options;
    await head.grown([...this.#places.values()], Math.min(mostMs, DISCOVER_MS), signal);
    signal.throwIfAborted();
    for (const place of await discover([...this.#places.values()])) {
      this.#places.set(keyOf(place), place);
      if (wholeCursor) this.#moved.add(keyOf(place));
    }
    await this.lookAhead();
  }

  /**
   * What is left to be read, `after` some partitions have been read up to other places; begins with another partition
   * every time, so that none starves another.
   */
  #pending(after: readonly Place[] = []): Place[] {
    const ahead = placesByKey(after);
    const pending = Array.from(this.#places.values(), (place) => ahead.get(keyOf(place)) ?? place).filter(
      (place) => place.offset !== (this.#ends.get(keyOf(place)) ?? place.offset),
    );
    const turn = pending.length === 0 ? 0 : this.#turn % pending.length;
    return [...pending.slice(turn), ...pending.slice(0, turn)];
  }

  /** Chunks up to the known ends; complete at the last one of a finite fetch. */
  async *toEnd(): AsyncGenerator<Chunk, void, undefined> {
    const { follow } = this.#options;
    for (let stuck = 0; ;) {
      if (this.exhausted || this.#pending().length === 0) {
        if (!follow || this.#gaps.length > 0 || this.exhausted) yield this.chunk([], !follow || this.exhausted);
        return;
      }
      const fetched = await this.#fetched();
      const taken = this.#take(fetched);
      stuck = taken.progress ? 0 : stuck + 1;
      if (stuck > STUCK_TRIES) throw stuckError();
      if (!taken.progress) await sleep(STUCK_MS, undefined, { signal: this.#options.signal });
      const pending = this.exhausted ? [] : this.#pending(taken.after);
      if (pending.length > 0) this.#prefetch(pending);
      for (const [i, piece] of taken.pieces.entries()) {
        const last = i === taken.pieces.length - 1;
        this.#move(last ? taken.after : piece.places);
        const over = last && pending.length === 0;
        yield this.chunk(piece.runs, over && (!follow || this.exhausted));
        if (over) return;
      }
      if (taken.pieces.length === 0) this.#move(taken.after);
    }
  }

  chunk(runs: readonly Run[], complete: boolean): Chunk {
    const gaps = this.#gaps;
    this.#gaps = [];
    const places = Array.from(this.#moved, (key) => this.#places.get(key)).filter((place) => place !== undefined);
    return { runs, gaps, places, complete };
  }

  #move(places: readonly Place[]): void {
    for (const place of places) {
      const key = keyOf(place);
      if (this.#places.get(key)?.offset === place.offset) continue;
      this.#places.set(key, place);
      this.#moved.add(key);
    }
  }

  #prefetch(pending: readonly Place[]): void {
    this.#fetching = this.#fetch(pending);
    // Whoever awaits it hears of it; nobody may.
    this.#fetching.catch(() => undefined);
  }

  async #fetched(): Promise<readonly FetchedPartition[]> {
    const fetching = this.#fetching ?? this.#fetch(this.#pending());
    this.#fetching = undefined;
    return await fetching;
  }

  async #fetch(pending: readonly Place[]): Promise<readonly FetchedPartition[]> {
    const { log, signal, fetchBytes, limit } = this.#options;
    this.#turn += 1;
    // A small limit needs no large fetch; the broker gives one batch at least.
    const enough = limit < 100 ? Math.min(fetchBytes, 64 * 1024) : fetchBytes;
    return await log.fetch(pending, {
      maxBytes: enough,
      maxBytesPerPartition: Math.max(64 * 1024, Math.ceil(enough / Math.min(pending.length, 4))),
      maxWaitMs: 0,
      signal,
    });
  }

  /** Cuts what was fetched into pieces for one chunk each, and keeps to the limits. */
  #take(fetched: readonly FetchedPartition[]): {
    readonly pieces: readonly { readonly runs: readonly Run[]; readonly places: readonly Place[] }[];
    /** Where reading goes on after all pieces. */
    readonly after: readonly Place[];
    readonly progress: boolean;
  } {
    const pieces: { runs: Run[]; places: Place[] }[] = [];
    const after: Place[] = [];
    let piece: { runs: Run[]; places: Place[] } | undefined;
    let bytes = 0;
    let count = 0;
    for (const answer of fetched) {
      const place = this.#places.get(keyOf(answer));
      if (place === undefined) continue;
      this.#noteGaps(place, answer);
      let from = 0;
      let cut: number | undefined;
      for (const [i, record] of answer.records.entries()) {
        const size = sizeOf(record);
        if (this.#left <= 0 || this.#bytesLeft <= 0 || (size > this.#bytesLeft && this.#begun(i, piece))) {
          this.#bytesLeft = 0;
          cut = i;
          break;
        }
        this.#left -= 1;
        this.#bytesLeft -= size;
        bytes += size + OVERHEAD_BYTES;
        count += 1;
        if (bytes >= this.#options.batchBytes || count >= MOST_RECORDS) {
          piece ??= { runs: [], places: [] };
          this.#add(piece, place, answer.records.slice(from, i + 1));
          pieces.push(piece);
          from = i + 1;
          piece = undefined;
          bytes = 0;
          count = 0;
        }
      }
      const until = cut ?? answer.records.length;
      if (until > from) {
        piece ??= { runs: [], places: [] };
        this.#add(piece, place, answer.records.slice(from, until));
      }
      const stoppedAt: number =
        cut === undefined ? answer.nextOffset : (answer.records[cut]?.offset ?? answer.nextOffset);
      after.push({ ...place, offset: stoppedAt });
      // What came in since the end was asked for is given as well; the partition is done then.
      const key = keyOf(place);
      if (stoppedAt > (this.#ends.get(key) ?? 0)) this.#ends.set(key, stoppedAt);
      if (cut !== undefined) break;
    }
    if (piece !== undefined) pieces.push(piece);
    const progress = after.some((place) => place.offset !== this.#places.get(keyOf(place))?.offset);
    return { pieces, after, progress };
  }

  /** Whether a record has been given already, so that one that is too large may wait for the next fetch. */
  #begun(index: number, piece: unknown): boolean {
    return index > 0 || piece !== undefined || this.#bytesLeft < this.#options.maxBytes;
  }

  #add(piece: { runs: Run[]; places: Place[] }, place: Place, records: readonly StoredRecord[]): void {
    const last = records.at(-1);
    if (last === undefined) return;
    piece.runs.push({ source: place.source, partition: place.partition, records });
    piece.places.push({ ...place, offset: last.offset + 1 });
  }

  #noteGaps({ source, partition, offset }: Place, answer: FetchedPartition): void {
    const { outOfRange, logStartOffset, nextOffset, unreadable } = answer;
    if (outOfRange === "expired") {
      this.#gaps.push({
        source,
        partition,
        fromOffset: offset,
        toOffset: nextOffset,
        reason: GapReason.EXPIRED,
        detail: `Kafka deleted the records from offset ${offset} up to ${logStartOffset} before they were read: the topic's retention is too short for this reader`,
      });
    } else if (outOfRange === "truncated") {
      this.#gaps.push({
        source,
        partition,
        fromOffset: nextOffset,
        toOffset: offset,
        reason: GapReason.TRUNCATED,
        detail: `the log ends at offset ${nextOffset}, before the reader's position ${offset}: it lost its end, for example by an unclean leader election`,
      });
    }
    for (const { fromOffset, toOffset, detail } of unreadable) {
      this.#gaps.push({ source, partition, fromOffset, toOffset, reason: GapReason.UNREADABLE, detail });
    }
  }
}

/** What counts against `max_bytes`. */
function sizeOf({ keyLength, valueLength }: StoredRecord): number {
  return Math.max(0, keyLength) + Math.max(0, valueLength);
}

function stuckError(): Error {
  return rpcError(
    Code.Unavailable,
    "KAFKA_UNAVAILABLE",
    "Kafka says that there is more to read but does not give it; nothing is lost, try again",
    { retryAfterMs: 1000 },
  );
}
