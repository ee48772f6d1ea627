import type { Exchange } from "../exchange.js";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { Tally } from "./tally.js";

/** One answer whose client does not take it. */
interface Stalled {
  readonly bytes: number;
  readonly since: number;
  readonly cutOff: () => void;
}

/** A fetch that waits for room. */
interface Waiting {
  readonly room: Room;
  readonly since: number;
  readonly settle: (error?: Error) => void;
}

/**
 * What a fetch may have in this process while its client takes nothing: the window of the stream behind it, the batches ahead,
 * one made ready and one written.
 */
const fetchBytes = 1024 * 1024;

/** Who takes nothing for so long makes room for others, in milliseconds. A slow reader takes something in that time. */
const patienceMs = 5000;

/** The same where it is twice too much: an answer that is only on its way is taken sooner. */
const leastPatienceMs = 1000;

/** So many fetches of a client have room whatever others have: one may still be waiting for the end of the one before it. */
const ownFetches = 4;

/** How long a fetch waits for room before it is refused, in milliseconds. */
const mostWaitMs = 4000;

/** So many fetches of a client wait for room: they count as requests under way, of which there are not to be too few for others. */
const mostWaiting = 100;

/**
 * How many fetches may be beginning at the same time: a new one is served in turn with all that are, and most are over before they
 * have begun in this sense.
 */
const mostFresh = 32;
const freshMs = 250;

const sweepMs = 100;

/**
 * What this process holds for clients that do not take it. Where it is too much, a client that has some fetches already waits
 * with its next one until there is room, and whoever has taken nothing for a while is cut off; one that has few never waits.
 */
export class StalledAnswers {
  readonly #mostBytes: number;
  readonly #waitMs: number;
  /** The oldest first. */
  readonly #stalled = new Set<Stalled>();
  readonly #rooms = new Set<Room>();
  /** Those that began just now, the oldest first, and when. */
  readonly #fresh = new Map<Room, number>();
  readonly #byClient = new Tally();
  /** A client's fetches in their order; the client whose turn it is first. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #bytes = 0;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(mostBytes: number, waitMs = mostWaitMs) {
    this.#mostBytes = mostBytes;
    this.#waitMs = waitMs;
  }

  /** How many bytes are held, as far as it is known. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An answer waits from now on; returns what is to be called when it does not any more. */
  wait({ res, stream, room }: Exchange, cutOff: () => void): () => void {
    room?.goesOn();
    if (room !== undefined && this.#fresh.delete(room) && this.#queues.size > 0) this.#admit();
    const bytes = res.writableLength + (stream?.writableLength ?? 0);
    const stalled = { bytes, since: performance.now(), cutOff };
    this.#stalled.add(stalled);
    this.#bytes += bytes;
    this.#sweep();
    return () => this.#end(stalled);
  }

  /** Counts a fetch; undefined where there is room for it, otherwise resolves once there is. Rejects when it takes too long. */
  enter(room: Room, signal: AbortSignal): Promise<void> | undefined {
    this.#sweep();
    if (this.#hasRoom(room)) {
      this.#begin(room);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(room.client) ?? new Set();
      if (queue.size >= mostWaiting) {
        reject(noRoom(room.client));
        return;
      }
      const leave = (): void => waiting.settle(signal.reason as Error);
      const waiting: Waiting = {
        room,
        since: performance.now(),
        settle: (error) => {
          signal.removeEventListener("abort", leave);
          queue.delete(waiting);
          if (queue.size === 0 && this.#queues.get(room.client) === queue) this.#queues.delete(room.client);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#queues.set(room.client, queue.add(waiting));
      signal.addEventListener("abort", leave);
      if (signal.aborted) leave();
    });
  }

  /** Counts what a fetch may have in memory. */
  hold(room: Room): void {
    if (this.#rooms.has(room)) return;
    this.#rooms.add(room);
    this.#bytes += fetchBytes;
    this.#byClient.add(room.client);
    this.#sweep();
  }

  /** It has nothing in memory now. */
  release(room: Room): void {
    this.#fresh.delete(room);
    if (!this.#rooms.delete(room)) return;
    this.#bytes -= fetchBytes;
    this.#byClient.remove(room.client);
    if (this.#queues.size > 0) this.#admit();
  }

  #hasRoom({ client, waits }: Room): boolean {
    if (this.#byClient.of(client) < ownFetches) return true;
    return this.#bytes + fetchBytes <= this.#mostBytes && (waits || this.#fresh.size < mostFresh);
  }

  #begin(room: Room): void {
    this.hold(room);
    if (!room.waits) this.#fresh.set(room, performance.now());
  }

  /** Lets in who waits, one of each client in turn. */
  #admit(): void {
    for (const [client, queue] of this.#queues) {
      const [next] = queue;
      if (next === undefined || !this.#hasRoom(next.room)) continue;
      // Behind the others; the loop comes to it again.
      this.#queues.delete(client);
      if (queue.size > 1) this.#queues.set(client, queue);
      this.#begin(next.room);
      next.settle();
    }
  }

  #cutOldest(before: number): boolean {
    const [oldest] = this.#stalled;
    if (oldest === undefined || oldest.since > before) return false;
    this.#end(oldest);
    oldest.cutOff();
    return true;
  }

  #end(stalled: Stalled): void {
    if (this.#stalled.delete(stalled)) this.#bytes -= stalled.bytes;
  }

  /** Looks at everything from time to time, while there is something to look at. */
  #sweep(): void {
    this.#sweeping ??= setInterval(() => {
      const now = performance.now();
      for (const room of this.#rooms) if (room.isQuiet(now)) this.release(room);
      for (const [room, since] of this.#fresh) {
        if (now - since < freshMs) break;
        this.#fresh.delete(room);
      }
      const cramped = (): boolean => this.#queues.size > 0 || this.#bytes > this.#mostBytes;
      while (cramped() && this.#cutOldest(now - patienceMs));
      // However many clients there are.
      while (this.#bytes > 2 * this.#mostBytes && this.#cutOldest(now - leastPatienceMs));
      for (const queue of this.#queues.values()) {
        for (const waiting of queue) {
          if (waiting.since > now - this.#waitMs) break;
          waiting.settle(noRoom(waiting.room.client));
        }
      }
      this.#admit();
      if (this.#rooms.size + this.#stalled.size + this.#queues.size > 0) return;
      clearInterval(this.#sweeping);
      this.#sweeping = undefined;
    }, sweepMs).unref();
  }
}

/** What one fetch may have in memory. */
export class Room {
  readonly client: string;
  /** It is for records that are yet to come, more than for those that there are. */
  waits = false;
  readonly #answers: StalledAnswers;
  /** Since when it has been waiting for the reader; undefined while it has something for its client. */
  #asking: number | undefined;
  #quietMs = 0;
  /** Most answers come of no fetch. */
  #fetching = false;

  constructor(answers: StalledAnswers, client: string) {
    this.#answers = answers;
    this.client = client;
  }

  /** As {@link StalledAnswers.enter}. A fetch for which nothing comes for `quietMs` has nothing in memory. */
  enter(signal: AbortSignal, quietMs: number, waits = false): Promise<void> | undefined {
    this.#quietMs = quietMs;
    this.waits = waits;
    this.#fetching = true;
    return this.#answers.enter(this, signal);
  }

  /** It waits for the reader. */
  asks(): void {
    this.#asking = performance.now();
  }

  /** A batch has come. */
  got(): void {
    this.#asking = undefined;
  }

  /** Its client does not take what there is: it has all that it may have. */
  goesOn(): void {
    if (this.#fetching) this.#answers.hold(this);
  }

  isQuiet(now: number): boolean {
    return this.#asking !== undefined && now - this.#asking >= this.#quietMs;
  }

  leave(): void {
    this.#fetching = false;
    this.#answers.release(this);
  }
}

function noRoom(client: string): Error {
  const problem = `${client} does not take the answers that it has asked for, and more waits for it than is kept`;
  // No field of the request is wrong.
  return rpcError(Code.Unavailable, "LIMIT_EXCEEDED", `answer: ${problem} (MAX_STALLED_BYTES)`, {
    metadata: { limit: "answer", setting: "MAX_STALLED_BYTES" },
    retryAfterMs: 1000,
  });
}
