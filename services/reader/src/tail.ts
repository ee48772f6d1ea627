import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { FetchedPartition, LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Place } from "./place.js";
import { type Part, Stretch } from "./stretch.js";

/** How long the broker may hold back its answer, in milliseconds: so long can a partition that is new here go unheard. */
const POLL_MS = 200;
const RETRY_MS = 200;
/** The least and the most time from what one poll brought to the next poll, in milliseconds. */
const SOON_MS = 2;
const LATE_MS = 50;
/** How often it is asked who leads the partitions, in milliseconds. */
const LEADERS_MS = 5000;
/** Nobody knows who leads a partition. */
const NO_LEADER = -1;
/** How many partitions share what is fetched or read at once; the others come next. */
const AT_A_TIME = 4;
/** So many entries of the queue of what is kept may be past. */
const MOST_PAST = 1024;

export interface TailOptions {
  /** With connections of its own: a blocked fetch holds up every other request on one. */
  readonly log: LogReader;
  readonly logger: Logger;
  /** About the most bytes that are kept of the newest records of all partitions. */
  readonly keepBytes: number;
  /** About the most bytes that one poll brings. */
  readonly pollBytes: number;
  /** About the most bytes of what is handed on as one. */
  readonly pieceBytes: number;
}

/** Why a wait is over: there is something to read; partitions have gone or come; neither of them. */
export type Waited = "grown" | "changed" | "time";

/** A partition that somebody follows. */
interface Watched {
  readonly id: string;
  readonly stretch: Stretch;
  readonly followers: Set<Follower>;
  /** The node that leads it; undefined until that is known. */
  leader: number | undefined;
  /** Bytes that came since somebody last waited for it. */
  unawaited: number;
  /** The topic was made again: nothing can be asked for by this one any more. */
  over: boolean;
}

/**
 * The newest end of the log, for everybody who has read up to it: however many follow, Kafka is asked once, and what it
 * gives is decoded once. There is one long poll for each broker. What it brings is kept for a while, up to a number of
 * bytes, so that those who are a little behind find it here; who is further behind reads from Kafka by itself.
 */
export class Tail {
  readonly #options: TailOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #lanes = new Map<number, Promise<void>>();
  readonly #stop = new AbortController();
  /** Of what was added, the oldest first: the stretch that it was added to. */
  #queue: Stretch[] = [];
  #queueFrom = 0;
  #keptBytes = 0;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** How many follow. */
  get followers(): number {
    const all = new Set<Follower>();
    for (const { followers } of this.#watched.values()) for (const follower of followers) all.add(follower);
    return all.size;
  }

  /**
   * Begins to follow; nothing is fetched before somebody waits. While Kafka cannot be reached, a wait goes on for
   * `patienceMs`; then it rejects with UNAVAILABLE. Whoever began has to `leave`.
   */
  follow(patienceMs: number, signal: AbortSignal): Follower {
    return new Follower(patienceMs, signal, {
      watch: (place, follower) => this.#watch(place, follower),
      awaited: (watched) => this.#awaited(watched),
      restart: (watched, offset) => this.#restart(watched, offset),
      unwatch: (watched, follower) => this.#unwatch(watched, follower),
    });
  }

  /** What is kept from some places on, about `mostBytes` of it, shared fairly; and the places of which nothing is kept. */
  read(
    places: readonly Place[],
    mostBytes: number,
  ): { readonly parts: readonly Part[]; readonly missing: readonly Place[] } {
    const missing: Place[] = [];
    const parts: Part[] = [];
    const share = mostBytes / Math.min(AT_A_TIME, Math.max(1, places.length));
    let served = 0;
    for (const place of places) {
      const stretch = this.#watched.get(idOf(place))?.stretch;
      if (stretch === undefined || !stretch.holds(place.offset)) missing.push(place);
      else if (served < AT_A_TIME) {
        served += 1;
        parts.push(...stretch.read(place.offset, share));
      }
    }
    return { parts, missing };
  }

  /** Up to where a partition is known; undefined where nobody follows it. */
  endOf(place: Place): number | undefined {
    return this.#watched.get(idOf(place))?.stretch.to;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { followers } of this.#watched.values()) for (const follower of followers) follower.wake("time");
    await Promise.all(this.#lanes.values());
  }

  #watch(place: Place, follower: Follower): Watched {
    const id = idOf(place);
    let watched = this.#watched.get(id);
    if (watched === undefined) {
      const stretch = new Stretch(place, place.offset);
      watched = { id, stretch, followers: new Set(), leader: undefined, unawaited: 0, over: false };
      this.#endOlder(place);
      this.#watched.set(id, watched);
      void this.#findLeader(watched);
    }
    watched.followers.add(follower);
    return watched;
  }

  #unwatch(watched: Watched, follower: Follower): void {
    watched.followers.delete(follower);
    if (watched.followers.size > 0) return;
    this.#watched.delete(watched.id);
    this.#forget(watched.stretch, watched.stretch.to);
  }

  /** Those that still follow a topic that was deleted and made again have to look what there is now. */
  #endOlder({ topic, partition }: Place): void {
    for (const watched of this.#watched.values()) {
      const of = watched.stretch.partition;
      if (of.topic !== topic || of.partition !== partition) continue;
      watched.over = true;
      for (const follower of watched.followers) follower.wake("changed");
    }
  }

  #forget(stretch: Stretch, offset: number): void {
    const bytes = stretch.restart(offset);
    if (bytes === 0) return;
    this.#keptBytes -= bytes;
    this.#queue = this.#queue.slice(this.#queueFrom).filter((kept) => kept !== stretch);
    this.#queueFrom = 0;
  }

  #awaited(watched: Watched): void {
    watched.unawaited = 0;
    this.#run(watched.leader);
  }

  /** Somebody has read further than this by itself. */
  #restart(watched: Watched, offset: number): void {
    this.#forget(watched.stretch, offset);
    for (const follower of watched.followers) follower.wake("grown");
  }

  async #findLeader(watched: Watched): Promise<void> {
    const [leader = NO_LEADER] = await this.#options.log
      .leadersOf([watched.stretch.partition], this.#stop.signal)
      .catch(() => [NO_LEADER]);
    watched.leader = leader;
    this.#run(leader);
  }

  #run(leader: number | undefined): void {
    if (leader === undefined || this.#lanes.has(leader) || this.#stop.signal.aborted) return;
    const lane = this.#lane(leader).finally(() => {
      this.#lanes.delete(leader);
      // Somebody may have begun to wait when it was over already.
      if (this.#wanted(leader).length > 0) this.#run(leader);
    });
    this.#lanes.set(leader, lane);
  }

  /**
   * What is to be polled of a broker: what somebody waits for, and what somebody has just been given and will soon come
   * back for, up to what one poll brings.
   */
  #wanted(leader: number): Watched[] {
    const wanted: Watched[] = [];
    let awaited = false;
    for (const watched of this.#watched.values()) {
      if (watched.leader !== leader || watched.over || watched.unawaited > this.#options.pollBytes) continue;
      for (const follower of watched.followers) {
        if (!follower.waiting) continue;
        awaited = true;
        break;
      }
      wanted.push(watched);
    }
    return awaited ? wanted : [];
  }

  /** Polls one broker for as long as somebody waits for what it leads. */
  async #lane(leader: number): Promise<void> {
    const { signal } = this.#stop;
    let failingSince: number | undefined;
    let askedLeaders = performance.now();
    // Whoever begins to wait in the same turn is polled for, too.
    await turn();
    while (!signal.aborted) {
      const wanted = this.#wanted(leader);
      if (wanted.length === 0) return;
      const begun = performance.now();
      if (begun - askedLeaders > LEADERS_MS || leader === NO_LEADER) {
        askedLeaders = begun;
        if (await this.#moved(wanted)) continue;
      }
      try {
        const grown = await this.#poll(wanted);
        failingSince = undefined;
        if (grown || performance.now() - begun < SOON_MS) await this.#pause();
      } catch (error) {
        if (signal.aborted) return;
        failingSince ??= begun;
        this.#failed(wanted, error, performance.now() - failingSince);
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        askedLeaders = 0;
      }
    }
  }

  /** Tells whether something has another leader now, or is not led at all; then it is polled elsewhere. */
  async #moved(wanted: readonly Watched[]): Promise<boolean> {
    const leaders = await this.#options.log
      .leadersOf(
        wanted.map(({ stretch }) => stretch.partition),
        this.#stop.signal,
      )
      .catch(() => undefined);
    let moved = false;
    for (const [i, watched] of wanted.entries()) {
      const leader = leaders?.[i];
      if (leader === undefined || leader === watched.leader) continue;
      watched.leader = leader;
      moved = true;
      this.#run(leader);
    }
    return moved;
  }

  /** Asks for what is newer, and wakes who waits for it; tells whether anything came. */
  async #poll(wanted: readonly Watched[]): Promise<boolean> {
    const { log, pollBytes } = this.#options;
    const positions = wanted.map(({ stretch }) => ({ ...stretch.partition, offset: stretch.to }));
    const answers = await log.fetch(positions, {
      maxBytes: pollBytes,
      maxBytesPerPartition: Math.ceil(pollBytes / Math.min(AT_A_TIME, positions.length)),
      maxWaitMs: POLL_MS,
      signal: this.#stop.signal,
    });
    const grown = wanted.filter((watched, i) => {
      const answer = answers[i];
      return answer !== undefined && positions[i]?.offset === watched.stretch.to && this.#took(watched, answer);
    });
    this.#dropOldest();
    for (const { followers } of grown) for (const follower of followers) follower.wake("grown");
    return grown.length > 0;
  }

  #took(watched: Watched, answer: FetchedPartition): boolean {
    const { stretch } = watched;
    // Where it is not in the log any more, whoever is there has to find out for itself what it missed.
    if (answer.outOfRange !== undefined) {
      this.#forget(stretch, answer.nextOffset);
      return true;
    }
    const added = stretch.add(answer, this.#options.pieceBytes);
    for (const bytes of added) {
      this.#queue.push(stretch);
      this.#keptBytes += bytes;
      watched.unawaited += bytes;
    }
    if (added.length === 0) return false;
    // What was given is asked for last the next time, so that no partition starves another.
    if (this.#watched.delete(watched.id)) this.#watched.set(watched.id, watched);
    return true;
  }

  #dropOldest(): void {
    while (this.#keptBytes > this.#options.keepBytes && this.#queueFrom < this.#queue.length) {
      this.#keptBytes -= this.#queue[this.#queueFrom]?.dropOldest() ?? 0;
      this.#queueFrom += 1;
    }
    if (this.#queueFrom < MOST_PAST) return;
    this.#queue = this.#queue.slice(this.#queueFrom);
    this.#queueFrom = 0;
  }

  /**
   * Lets those who were woken do their work first. The more work that is, the longer the pause: many followers then get
   * more at a time instead of the same later and later.
   */
  async #pause(): Promise<void> {
    const begun = performance.now();
    await turn();
    const busyMs = performance.now() - begun;
    const ms = Math.min(LATE_MS, Math.max(SOON_MS, busyMs));
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #failed(wanted: readonly Watched[], error: unknown, forMs: number): void {
    this.#options.logger.debug({ err: describeError(error) }, "polling for new records failed");
    const gone = error instanceof ConnectError && error.code === Code.NotFound;
    for (const { followers } of wanted) {
      for (const follower of followers) {
        if (gone) follower.wake("changed");
        else follower.fail(error, forMs);
      }
    }
  }
}

/** What a follower needs of the tail. */
interface Watching {
  watch(place: Place, follower: Follower): Watched;
  awaited(watched: Watched): void;
  restart(watched: Watched, offset: number): void;
  unwatch(watched: Watched, follower: Follower): void;
}

/** One that has read up to the end of some partitions and wants to hear when there is more. */
export class Follower {
  readonly #patienceMs: number;
  readonly #signal: AbortSignal;
  readonly #tail: Watching;
  readonly #watched = new Map<string, Watched>();
  readonly #abort = (): void => this.wake("time");
  #waiting: { readonly wake: (why: Waited) => void; readonly fail: (error: unknown) => void } | undefined;

  constructor(patienceMs: number, signal: AbortSignal, tail: Watching) {
    this.#patienceMs = patienceMs;
    this.#signal = signal;
    this.#tail = tail;
    signal.addEventListener("abort", this.#abort);
  }

  get waiting(): boolean {
    return this.#waiting !== undefined;
  }

  /**
   * Waits until there is something to read at one of the places, for `ms` at most, or until the signal fires. These
   * places are followed from now on, and no others.
   */
  async wait(places: Iterable<Place>, ms: number): Promise<Waited> {
    let grown = false;
    let count = 0;
    for (const place of places) {
      count += 1;
      const id = idOf(place);
      let watched = this.#watched.get(id);
      if (watched === undefined) this.#watched.set(id, (watched = this.#tail.watch(place, this)));
      if (watched.stretch.to < place.offset) this.#tail.restart(watched, place.offset);
      grown ||= watched.stretch.to > place.offset;
    }
    if (count < this.#watched.size) this.#keep(places);
    if (grown) return "grown";
    if (this.#signal.aborted || ms <= 0) return "time";
    const waited = new Promise<Waited>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
      };
      const wake = (why: Waited): void => {
        done();
        resolve(why);
      };
      const fail = (error: unknown): void => {
        done();
        reject(error);
      };
      const timer = setTimeout(wake, ms, "time");
      this.#waiting = { wake, fail };
    });
    for (const watched of this.#watched.values()) this.#tail.awaited(watched);
    return await waited;
  }

  wake(why: Waited): void {
    this.#waiting?.wake(why);
  }

  /** Kafka could not be reached for so long. */
  fail(error: unknown, forMs: number): void {
    if (forMs >= this.#patienceMs) this.#waiting?.fail(error);
  }

  leave(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.wake("time");
    this.#keep([]);
  }

  #keep(places: Iterable<Place>): void {
    const kept = new Set(Array.from(places, idOf));
    for (const [id, watched] of this.#watched) {
      if (kept.has(id)) continue;
      this.#watched.delete(id);
      this.#tail.unwatch(watched, this);
    }
  }
}

/** A topic that was made again is another one. */
function idOf({ topicId, partition }: Place): string {
  return `${topicId}/${partition}`;
}
