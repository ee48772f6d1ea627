import { setImmediate as turn } from "node:timers/promises";
import { FollowProgress } from "@apispool/common/follow-progress.js";
import { Code } from "@connectrpc/connect";
import { describeError, isAbort, rpcError } from "@apispool/common/errors.js";
import type { CallContext } from "@apispool/common/grpc-server.js";
import { retryUnavailable } from "@apispool/common/retry-unavailable.js";
import { confirmWritten, http2Receipt } from "@apispool/common/receipt-http2.js";
import { within } from "@apispool/common/within.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Acknowledger } from "./acknowledger.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";
import { decodeCursor } from "./cursor.js";
import { encodeResponse } from "./encode-response.js";
import type { FetchSpec } from "./fetch-request.js";
import { type Gap, recreatedGap } from "./gap.js";
import type { HandOver, HandOvers } from "./hand-over.js";
import { type Place, keyOf } from "./place.js";
import type { Positions, Standing } from "./positions.js";
import type { Session, Sessions } from "./sessions.js";
import { sharedResponse } from "./shared-response.js";
import type { Tail } from "./tail.js";
import { placeInLog } from "./since.js";
import type { Tenure, Tenures } from "./tenure.js";
import { type Chunk, unread } from "./unread.js";

/** How long evidence of receipt is waited for at the end, in milliseconds. */
const SETTLE_MS = 3000;
/** How long a live tail that is ended with the process waits for what it was given last to be put on record, in milliseconds. */
const LAST_LOOK_MS = 1000;
/** How long an acknowledgement is tried while Kafka is away, in milliseconds. */
const ACKNOWLEDGE_MS = 300_000;
/** How many acknowledgements of live tails Kafka is asked for in a second: with very many, each has to wait longer. */
const MOST_ACKNOWLEDGEMENTS = 200;
/** The least time from one acknowledgement of a live tail to its next, in milliseconds. */
const ACKNOWLEDGE_EVERY_MS = 200;

export interface FetcherOptions {
  readonly log: LogReader;
  readonly tail: Tail;
  readonly catalogue: Catalogue;
  readonly positions: Positions;
  readonly sessions: Sessions;
  readonly tenures: Tenures;
  readonly acknowledger: Acknowledger;
  readonly handOvers: HandOvers;
  readonly busyWaitMs: number;
  readonly batchBytes: number;
  readonly fetchBytes: number;
  /** How long a live tail waits for Kafka to come back, in milliseconds. */
  readonly outageMs: number;
}

interface Begin {
  readonly places: readonly Place[];
  readonly gaps: readonly Gap[];
  /** Absent where nothing is acknowledged: then anybody may read. */
  readonly tenure?: Tenure;
}

/** A fetch that is told of. */
interface Told extends Begin {
  readonly handOver: HandOver;
}

/** Hands readers what they have not read, and moves them on when there is evidence that they have it. */
export class Fetcher {
  readonly #options: FetcherOptions;
  /** Fetches that are over but for the evidence that their client has everything. */
  readonly #settling = new Map<Promise<void>, () => void>();
  readonly #stopping = new AbortController();
  #following = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** The messages of one fetch, in their wire form. */
  async *fetch(spec: FetchSpec, context: CallContext): AsyncGenerator<Uint8Array, void, undefined> {
    const handOver = this.#options.handOvers.begin(
      spec.since !== "" ? "replay" : spec.follow ? "live" : "fetch",
      context.span,
    );
    const stopping = this.#stopping.signal;
    try {
      stopping.throwIfAborted();
      const signal = spec.follow ? AbortSignal.any([context.signal, stopping]) : context.signal;
      yield* this.#handOver(spec, { ...context, signal }, handOver);
    } catch (error) {
      throw spec.follow && stopping.aborted && isAbort(error) ? stopping.reason : error;
    } finally {
      handOver.end();
    }
  }

  /**
   * Takes nothing new, and ends every live tail with a status that clients repeat. Resolves once what their clients have is
   * acknowledged, or for so long has not been; to be called while the connections are still open, because a closing one answers
   * no PING.
   */
  async stop(): Promise<void> {
    this.#stopping.abort(
      rpcError(Code.Unavailable, "SHUTTING_DOWN", "the service is stopping; call again", { retryAfterMs: 1000 }),
    );
    await turn();
    await within(SETTLE_MS, this.settled());
  }

  async *#handOver(
    spec: FetchSpec,
    context: CallContext,
    handOver: HandOver,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { acknowledger, catalogue, positions, sessions, tenures, busyWaitMs, log } = this.#options;
    const { signal, requestId } = context;
    if (spec.ackCursor !== "") await acknowledger.acknowledge(spec.reader, spec.ackCursor, "ack_cursor", signal);
    if (spec.since !== "") {
      for await (const chunk of this.#chunks(await this.#since(spec, signal), spec, signal)) {
        yield told(sharedResponse(spec.reader, chunk), chunk, handOver).bytes;
      }
      return;
    }
    const session = await sessions
      .hold(spec.reader, { requestId, follow: spec.follow }, busyWaitMs, signal)
      .catch(async (error: unknown) => {
        // Whoever holds the reader may only be waiting for Kafka, and then that is what is wrong.
        await log.ping(signal);
        throw error;
      });
    const held = new Held(session);
    try {
      const entry = { session, follow: spec.follow, busyWaitMs, signal };
      const { standing, tenure } = await tenures.enter(spec.reader, entry, async () =>
        positions.open(spec.reader, spec.start, signal),
      );
      const begin = { ...unreadOf(standing, spec, catalogue), tenure, handOver };
      // It ends, too, when another process takes the reader over.
      const guarded = { ...context, signal: tenure.signal };
      if (spec.ack === "auto")
        yield* spec.follow ? this.#follow(begin, spec, guarded, held) : this.#auto(begin, spec, guarded, held);
      else yield* this.#byCursor(begin, spec, guarded.signal, session);
    } finally {
      held.release();
    }
  }

  /** Resolves once nothing waits for evidence any more, which is asked for at once. */
  async settled(): Promise<void> {
    for (const nudge of this.#settling.values()) nudge();
    await Promise.all(this.#settling.keys());
  }

  /** MANUAL and LEASE: the client acknowledges. */
  async *#byCursor(begin: Told, spec: FetchSpec, signal: AbortSignal, session: Session): AsyncGenerator<Uint8Array> {
    let places: readonly Place[] = [];
    for await (const chunk of this.#chunks(begin, spec, signal)) {
      places = chunk.places;
      yield told(sharedResponse(spec.reader, chunk), chunk, begin.handOver).bytes;
    }
    if (spec.ack === "lease") await session.untilAcknowledged(places, spec.leaseMs, signal);
  }

  /** AUTO: what was sent counts as read when the client has taken all of it and the stream has ended in order. */
  async *#auto(begin: Told, spec: FetchSpec, context: CallContext, held: Held): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#chunks(begin, spec, context.signal)) {
      const { bytes, cursor } = told(encodeResponse(spec.reader, chunk), chunk, begin.handOver);
      // Where nothing was delivered nothing has to be known.
      if (chunk.complete && chunk.places.length > 0) this.#settle(cursor, spec.reader, context, held);
      yield bytes;
    }
  }

  /** Has to be called before the stream's last message is written: it listens for how the stream ends. */
  #settle(cursor: string, reader: string, { stream, log }: CallContext, held: Held): void {
    const receipt = http2Receipt(stream);
    const settling = receipt.outcome
      .then(async (outcome) => {
        const acknowledge = async () => this.#options.acknowledger.acknowledge(reader, cursor, "cursor");
        // The client has them: they must not come again only because Kafka is away for a moment.
        if (outcome === "received") await retryUnavailable(ACKNOWLEDGE_MS, acknowledge);
        else log.debug({ reader }, "the client went before it had everything; its records will be delivered again");
      })
      .catch((error: unknown) => {
        log.warn({ reader, err: describeError(error) }, "could not acknowledge; the records will be delivered again");
      });
    this.#holdUntil(settling, held, () => receipt.nudge());
  }

  /** Keeps the reader although its stream is over. `nudge` hurries what is waited for. */
  #holdUntil(settling: Promise<void>, held: Held, nudge = (): void => {}): void {
    held.keep(nudge);
    const ended = settling.finally(() => {
      this.#settling.delete(ended);
      held.end();
    });
    this.#settling.set(ended, nudge);
  }

  /** AUTO on a live tail: each batch counts as read once the client has taken it off the connection. */
  async *#follow(begin: Told, spec: FetchSpec, context: CallContext, held: Held): AsyncGenerator<Uint8Array> {
    const { stream, signal, log } = context;
    const progress = new FollowProgress(
      async (cursor) => {
        try {
          await retryUnavailable(ACKNOWLEDGE_MS, async () =>
            this.#options.acknowledger.acknowledge(spec.reader, cursor, "cursor"),
          );
          return true;
        } catch (error) {
          log.warn({ reader: spec.reader, err: describeError(error) }, "could not acknowledge");
          return false;
        }
      },
      async () => (await confirmWritten(stream)) === "received",
      () => Math.max(ACKNOWLEDGE_EVERY_MS, (this.#following * 1000) / MOST_ACKNOWLEDGEMENTS),
    );
    this.#following += 1;
    let settled = false;
    try {
      for await (const chunk of this.#chunks(begin, spec, signal)) {
        const { bytes, cursor } = told(sharedResponse(spec.reader, chunk), chunk, begin.handOver);
        // A limit was reached: it ends as a fetch that does not follow.
        settled = chunk.complete && chunk.places.length > 0;
        if (settled) this.#settle(cursor, spec.reader, context, held);
        yield bytes;
        if (chunk.places.length > 0 && !chunk.complete) progress.handedOver(cursor);
      }
    } finally {
      this.#following -= 1;
      // What the client is known to have counts before anybody else is given the reader; the stream's end waits for nothing.
      // Only where this process ends it: the connection goes with it, and with that the last chance to find out.
      const lastLook = this.#stopping.signal.aborted && signal.aborted;
      const ending = progress.end({ lastLook });
      if (!settled) this.#holdUntil(ending, held);
      if (lastLook) await within(LAST_LOOK_MS, ending);
    }
  }

  /** From a place in the log on, or from a cursor; where that says nothing, from the reader's position, or the beginning. */
  async #since(spec: FetchSpec, signal: AbortSignal): Promise<Begin> {
    const { positions, catalogue, log } = this.#options;
    const at = placeInLog(spec.since);
    if (at !== undefined) {
      const there = catalogue.ofSources(await catalogue.partitions(), spec.sources);
      const offsets = new Map((await log.offsetsAt(at, there, signal)).map((place) => [keyOf(place), place.offset]));
      return { places: there.map((place) => ({ ...place, offset: offsets.get(keyOf(place)) ?? 0 })), gaps: [] };
    }
    const wanted = decodeCursor(spec.since, spec.reader, "since");
    const cursor = new Map(wanted.map((place) => [`${place.source}/${place.partition}`, place]));
    const partitions = catalogue.ofSources(await catalogue.partitions(), spec.sources);
    const standing = new Map((await positions.find(spec.reader, signal)).places.map((place) => [keyOf(place), place]));
    const earliest = new Map(
      (await log.offsetsAt("earliest", partitions, signal)).map((place) => [keyOf(place), place.offset]),
    );
    const gaps: Gap[] = [];
    const places = partitions.map((partition): Place => {
      const at = cursor.get(`${partition.source}/${partition.partition}`);
      if (at === undefined) {
        return standing.get(keyOf(partition)) ?? { ...partition, offset: earliest.get(keyOf(partition)) ?? 0 };
      }
      if (at.topicId === partition.topicId) return { ...partition, offset: at.offset };
      gaps.push(recreatedGap(at));
      return { ...partition, offset: 0 };
    });
    return { places, gaps };
  }

  async *#chunks(begin: Begin, spec: FetchSpec, signal: AbortSignal): AsyncGenerator<Chunk, void, undefined> {
    // A live tail outlasts a restart of Kafka, whatever it asks it for.
    const patienceMs = spec.follow ? this.#options.outageMs : 0;
    for await (const chunk of this.#read(begin, spec, signal)) {
      await retryUnavailable(patienceMs, async () => begin.tenure?.delivering(chunk.places), signal);
      yield chunk;
    }
  }

  #read({ places, gaps }: Begin, spec: FetchSpec, signal: AbortSignal): AsyncGenerator<Chunk, void, undefined> {
    const { log, tail, batchBytes, fetchBytes, outageMs, catalogue } = this.#options;
    const { sources } = spec;
    return unread(places, gaps, {
      log,
      tail,
      signal,
      batchBytes,
      fetchBytes,
      outageMs,
      required: (there) => void catalogue.ofSources(there, sources),
      limit: spec.limit,
      maxBytes: spec.maxBytes,
      waitMs: spec.waitMs,
      follow: spec.follow,
      filter: spec.filter,
      // What commits nothing has only its cursor to go on from.
      wholeCursor: spec.since !== "",
      discover: async (maxAgeMs) => {
        const there = await catalogue.partitions(maxAgeMs);
        return sources.length === 0 ? there : there.filter(({ source }) => sources.includes(source));
      },
    });
  }
}

function told<R extends { readonly bytes: Uint8Array }>(response: R, chunk: Chunk, handOver: HandOver): R {
  handOver.batch(chunk, response.bytes.length);
  return response;
}

function unreadOf({ places, gaps }: Standing, { sources: asked }: FetchSpec, catalogue: Catalogue): Begin {
  const wanted = catalogue.ofSources(places, asked);
  const sources = new Set(wanted.map(({ source }) => source));
  return { places: wanted, gaps: gaps.filter((gap) => sources.has(gap.source)) };
}

/** A session that is released by whoever has it last: the stream, or the wait for evidence behind it. */
class Held {
  readonly #session: Session;
  #kept = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The stream's end does not release it. */
  keep(nudge: () => void): void {
    this.#kept = true;
    this.#session.nudge = nudge;
  }

  release(): void {
    if (!this.#kept) this.#session.release();
  }

  end(): void {
    this.#session.release();
  }
}
