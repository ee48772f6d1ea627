import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { retryUnavailable } from "@apispool/common/retry-unavailable.js";
import type { FetchedPartition, LogReader } from "@apispool/kafka-log/log-reader.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { fetchSize } from "./fetch-size.js";
import { type Gap, recreatedGap } from "./gap.js";
import type { SourcePartition } from "@apispool/kafka-log/catalogue.js";
import type { RecordFilter } from "./filter/record-filter.js";
import { type Place, keyOf, placesByKey } from "./place.js";
import type { Part } from "./stretch.js";
import type { Follower, Tail } from "./tail.js";
import { inTurn } from "./turn.js";

/** Records of one partition, in offset order. */
export interface Run {
  readonly source: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  /** Others are given the very same list. */
  readonly shared?: boolean;
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
  readonly tail: Tail;
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
  /** What does not pass is read past; undefined: everything passes. */
  readonly filter: RecordFilter | undefined;
  /** Chunks tell every place, not only those that reading has left behind. */
  readonly wholeCursor: boolean;
  /** How long a live tail waits for Kafka to come back, in milliseconds. */
  readonly outageMs: number;
  /** The partitions that there are now, as they were `maxAgeMs` ago at most. */
  readonly discover: (maxAgeMs: number) => Promise<readonly SourcePartition[]>;
  /** Throws NOT_FOUND where a source that was asked for by name is not among what there is. */
  readonly required: (there: readonly SourcePartition[]) => void;
}

/** How often a live tail and a waiting fetch look for new sources and partitions, in milliseconds. */
const DISCOVER_MS = 2000;
/** An answer so old is as good as a new one where somebody else has just asked, in milliseconds. */
const JUST_ASKED_MS = 100;
/** A source that is gone for so long, in milliseconds, does not come back by itself. */
const GONE_MS = 5000;
/** After so long without a chunk one comes that tells only how far reading has got, in milliseconds. */
const PROGRESS_MS = 1000;
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
  try {
    await reading.lookAhead();
    if (options.follow && reading.atEnd) yield reading.chunk([], false);
    for (;;) {
      yield* reading.toEnd();
      if (!options.follow || reading.exhausted) return;
      await reading.awaitMore();
    }
  } finally {
    reading.end();
  }
}

class Reading {
  readonly #options: UnreadOptions;
  /** Those that were read from last come last. */
  readonly #places: Map<string, Place>;
  readonly #moved = new Set<string>();
  /** Where it stood in what is not there any more, and since when that is so. */
  readonly #gone = new Map<string, { readonly place: Place; readonly since: number }>();
  #gaps: Gap[];
  /** Where reading pauses: the end of each partition when it was last asked for. */
  #ends = new Map<string, number>();
  #left: number;
  #bytesLeft: number;
  #fetching: Promise<readonly Part[]> | undefined;
  /** About how many bytes a batch has. */
  #batchSize: number | undefined;
  #follower: Follower | undefined;
  #discovered = performance.now();
  /** Until when the first record is waited for; on the clock of performance.now. */
  readonly #waitUntil: number;
  /** Whether a record has been given. */
  #any = false;
  /** When the last chunk was given, and whether reading has moved since. */
  #toldAt = performance.now();
  #untold = false;

  constructor(from: readonly Place[], gaps: readonly Gap[], options: UnreadOptions) {
    this.#options = options;
    const limited = options.limit !== Infinity || options.maxBytes !== Infinity;
    this.#places = placesByKey(limited ? inTurn(from) : from);
    this.#gaps = [...gaps];
    // A gap that was found before the fetch is read past with its first chunk.
    for (const place of from) {
      if (options.wholeCursor) this.#moved.add(keyOf(place));
      if (gaps.some((gap) => gap.source === place.source && gap.partition === place.partition))
        this.#moved.add(keyOf(place));
    }
    this.#waitUntil = performance.now() + (options.follow ? 0 : options.waitMs);
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
  async lookAhead(places: readonly Place[] = [...this.#places.values()]): Promise<void> {
    const { log, signal } = this.#options;
    for (const end of await log.offsetsAt("latest", places, signal)) this.#ends.set(keyOf(end), end.offset);
  }

  /** Whether it is time to tell how far reading has got, although there was nothing to give on the way. */
  get #owesProgress(): boolean {
    return this.#untold && performance.now() - this.#toldAt >= PROGRESS_MS;
  }

  /**
   * Waits for something to read where nothing was found so far; new sources count, too. False when that is not asked for, or
   * the time is over.
   */
  async #awaitFirst(): Promise<boolean> {
    if (this.#any || !this.atEnd) return false;
    const left = (): number => this.#waitUntil - performance.now();
    if (left() <= 0) return false;
    while (this.atEnd && left() > 0) await this.#pause(left());
    return true;
  }

  async awaitMore(): Promise<void> {
    while (this.atEnd && !this.#owesProgress) await this.#pause(this.#untold ? PROGRESS_MS : DISCOVER_MS);
  }

  /** Nothing more is read. */
  end(): void {
    this.#follower?.leave();
  }

  async #pause(mostMs: number): Promise<void> {
    const { tail, signal, follow, outageMs } = this.#options;
    this.#follower ??= tail.follow(follow ? outageMs : 0, signal);
    const untilDiscovery = this.#discovered + DISCOVER_MS - performance.now();
    const waited = await this.#follower.wait(this.#places.values(), Math.min(mostMs, untilDiscovery));
    signal.throwIfAborted();
    for (const place of this.#places.values()) {
      const end = tail.endOf(place);
      if (end !== undefined) this.#ends.set(keyOf(place), end);
    }
    if (waited === "changed") await this.#discover(JUST_ASKED_MS);
    else if (performance.now() - this.#discovered >= DISCOVER_MS) await this.#discover(DISCOVER_MS / 2);
  }

  /** Looks for what has come and what has gone; tells whether anything has. */
  async #discover(maxAgeMs: number): Promise<boolean> {
    const there = await this.#patiently(async () => this.#options.discover(maxAgeMs));
    const now = performance.now();
    this.#discovered = now;
    const added: Place[] = [];
    for (const partition of there) {
      const key = keyOf(partition);
      const known = this.#places.get(key) ?? this.#gone.get(key)?.place;
      if (known?.topicId === partition.topicId && this.#places.has(key)) continue;
      // What was not there when the fetch began is read from its beginning; what had been away, where it was left.
      const offset = known?.topicId === partition.topicId ? known.offset : 0;
      if (known !== undefined && known.topicId !== partition.topicId) {
        this.#gaps.push(recreatedGap(known));
        this.#moved.add(key);
      }
      if (this.#options.wholeCursor) this.#moved.add(key);
      added.push({ ...partition, offset });
    }
    const keys = new Set(there.map(keyOf));
    const gone = [...this.#places].filter(([key]) => !keys.has(key));
    for (const [key, place] of gone) {
      this.#places.delete(key);
      this.#gone.set(key, { place, since: now });
    }
    for (const place of added) {
      this.#places.set(keyOf(place), place);
      this.#gone.delete(keyOf(place));
    }
    if (added.length > 0) await this.#patiently(async () => this.lookAhead(added));
    if ([...this.#gone.values()].some(({ since }) => now - since > GONE_MS)) this.#options.required(there);
    return added.length > 0 || gone.length > 0;
  }

  /** A live tail outlasts a restart of Kafka; whoever waits for an answer is told. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { follow, outageMs, signal } = this.#options;
    return await (follow ? retryUnavailable(outageMs, work, signal) : work());
  }

  /**
   * What is left to be read, `after` some partitions have been read up to other places; begins with those that were read
   * from longest ago, so that none starves another.
   */
  #pending(after: readonly Place[] = []): Place[] {
    const ahead = placesByKey(after);
    return Array.from(this.#places.values(), (place) => ahead.get(keyOf(place)) ?? place).filter(
      (place) => place.offset !== (this.#ends.get(keyOf(place)) ?? place.offset),
    );
  }

  /** Chunks up to the known ends; complete at the last one of a finite fetch. */
  async *toEnd(): AsyncGenerator<Chunk, void, undefined> {
    const { follow } = this.#options;
    for (let stuck = 0; ;) {
      if (this.exhausted || this.#pending().length === 0) {
        if (await this.#awaitFirst()) continue;
        const tells = !follow || this.#gaps.length > 0 || this.exhausted || this.#owesProgress;
        if (tells) yield this.chunk([], !follow || this.exhausted);
        return;
      }
      const fetched = await this.#fetched();
      // What seems to be lost may only be another log of the same name.
      if (follow && fetched.some(({ outOfRange }) => outOfRange !== undefined) && (await this.#discover(JUST_ASKED_MS)))
        continue;
      const taken = this.#take(fetched);
      stuck = taken.progress ? 0 : stuck + 1;
      if (stuck > STUCK_TRIES) throw stuckError();
      if (!taken.progress) await sleep(STUCK_MS, undefined, { signal: this.#options.signal });
      this.#any ||= taken.pieces.length > 0;
      const pending = this.exhausted ? [] : this.#pending(taken.after);
      if (pending.length > 0) this.#fetchAhead(pending);
      for (const [i, piece] of taken.pieces.entries()) {
        const last = i === taken.pieces.length - 1;
        this.#move(last ? taken.after : piece.places);
        const over = last && pending.length === 0;
        yield this.chunk(piece.runs, over && (!follow || this.exhausted));
        if (over) return;
      }
      if (taken.pieces.length > 0) continue;
      this.#move(taken.after);
      if (this.#owesProgress) yield this.chunk([], false);
    }
  }

  chunk(runs: readonly Run[], complete: boolean): Chunk {
    const gaps = this.#gaps;
    this.#gaps = [];
    this.#toldAt = performance.now();
    this.#untold = false;
    const places = Array.from(this.#moved, (key) => this.#places.get(key)).filter((place) => place !== undefined);
    return { runs, gaps, places, complete };
  }

  #move(places: readonly Place[]): void {
    for (const place of places) {
      const key = keyOf(place);
      if (this.#places.get(key)?.offset === place.offset) continue;
      this.#places.set(key, place);
      this.#moved.add(key);
      this.#untold = true;
    }
  }

  #fetchAhead(pending: readonly Place[]): void {
    // What is at hand need not be held.
    if (this.#options.tail.read(pending, 1).missing.length === 0) return;
    this.#fetching = this.#fetch(pending);
    // Whoever awaits it hears of it; nobody may.
    this.#fetching.catch(() => undefined);
  }

  async #fetched(): Promise<readonly Part[]> {
    const { follow, signal } = this.#options;
    const fetching = this.#fetching;
    this.#fetching = undefined;
    try {
      if (fetching !== undefined) return await fetching;
      return await this.#fetch(this.#pending());
    } catch (error) {
      signal.throwIfAborted();
      if (!follow || (error instanceof ConnectError && error.code === Code.InvalidArgument)) throw error;
      // It may be gone for good; what has not been found after some tries is an error all the same.
      if (error instanceof ConnectError && error.code === Code.NotFound) {
        await this.#discover(JUST_ASKED_MS);
        return [];
      }
      return await this.#patiently(async () => this.#fetch(this.#pending()));
    }
  }

  /** What is at hand already, and from Kafka what is not. */
  async #fetch(pending: readonly Place[]): Promise<readonly Part[]> {
    const { filter, signal } = this.#options;
    const parts = await this.#unfiltered(pending);
    if (filter === undefined) return parts;
    return (await filter.apply(parts, signal)).map(alone);
  }

  async #unfiltered(pending: readonly Place[]): Promise<readonly Part[]> {
    const { tail, log, signal, batchBytes, fetchBytes, limit, filter } = this.#options;
    const { parts, missing } = tail.read(pending, batchBytes);
    if (missing.length === 0) return parts;
    // A small limit needs no large fetch; the broker gives one batch at least.
    const enough = limit < 100 && filter === undefined ? Math.min(fetchBytes, 64 * 1024) : fetchBytes;
    const atOnce = Math.min(missing.length, 4);
    const each = fetchSize(Math.max(64 * 1024, Math.ceil(enough / atOnce)), this.#batchSize);
    const fetched = await log.fetch(missing, {
      maxBytes: Math.min(enough, each * atOnce),
      maxBytesPerPartition: each,
      maxWaitMs: 0,
      signal,
    });
    const last = fetched.findLast(({ records }) => records.length > 0)?.records.at(-1);
    if (last !== undefined) this.#batchSize = last.bytes.length;
    return [...parts, ...fetched];
  }

  /** Cuts what was fetched into pieces for one chunk each, and keeps to the limits. */
  #take(fetched: readonly Part[]): {
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
    const close = (): void => {
      if (piece !== undefined) pieces.push(piece);
      piece = undefined;
      bytes = 0;
      count = 0;
    };
    for (const answer of fetched) {
      const place = this.#places.get(keyOf(answer));
      if (place === undefined) continue;
      this.#noteGaps(place, answer);
      const { records, sharedBytes } = answer;
      if (sharedBytes !== undefined && this.#unlimited) {
        // Kept whole, so that everybody is given the same.
        const more = sharedBytes + records.length * OVERHEAD_BYTES;
        if (bytes > 0 && bytes + more > this.#options.batchBytes) close();
        if (records.length > 0) piece ??= { runs: [], places: [] };
        if (piece !== undefined) this.#add(piece, place, records, true);
        bytes += more;
        count += records.length;
        this.#passed(place, answer.nextOffset, after);
        continue;
      }
      let from = 0;
      let cut: number | undefined;
      for (const [i, record] of records.entries()) {
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
          this.#add(piece, place, records.slice(from, i + 1));
          from = i + 1;
          close();
        }
      }
      const until = cut ?? records.length;
      if (until > from) {
        piece ??= { runs: [], places: [] };
        this.#add(piece, place, records.slice(from, until));
      }
      const stoppedAt = cut === undefined ? answer.nextOffset : (records[cut]?.offset ?? answer.nextOffset);
      this.#passed(place, stoppedAt, after);
      if (cut !== undefined) break;
    }
    close();
    const progress = after.some((place) => place.offset !== this.#places.get(keyOf(place))?.offset);
    return { pieces, after, progress };
  }

  /** Whether a record has been given already, so that one that is too large may wait for the next fetch. */
  #begun(index: number, piece: unknown): boolean {
    return index > 0 || piece !== undefined || this.#bytesLeft < this.#options.maxBytes;
  }

  get #unlimited(): boolean {
    return this.#left === Number.POSITIVE_INFINITY && this.#bytesLeft === Number.POSITIVE_INFINITY;
  }

  /** A partition is read up to an offset. */
  #passed(place: Place, offset: number, after: Place[]): void {
    const key = keyOf(place);
    after.push({ ...place, offset });
    // What came in since the end was asked for is given as well; the partition is done then.
    if (offset > (this.#ends.get(key) ?? 0)) this.#ends.set(key, offset);
    if (offset === place.offset) return;
    // It is the others' turn now.
    this.#places.delete(key);
    this.#places.set(key, place);
  }

  #add(piece: { runs: Run[]; places: Place[] }, place: Place, records: readonly StoredRecord[], shared = false): void {
    const last = records.at(-1);
    if (last === undefined) return;
    piece.runs.push({ source: place.source, partition: place.partition, records, shared });
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

/** What is left of shared records is nobody else's. */
function alone({ sharedBytes: _shared, ...part }: Part): Part {
  return part;
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
