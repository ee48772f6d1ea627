import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { type Place, keyOf } from "./place.js";

/** Who holds a reader, for whoever is told that it is held. */
export interface Holder {
  readonly requestId: string;
  /** A live tail, which ends only when its client does. */
  readonly follow: boolean;
}

/** A reader that is held: nobody else is handed its records meanwhile. */
export class Session {
  readonly holder: Holder;
  readonly since = Date.now();
  /** Set while only the evidence of receipt is waited for: somebody else wants the reader, so find out now. */
  nudge: (() => void) | undefined;
  readonly #release: (session: Session) => void;
  readonly #positions = new Map<string, number>();
  readonly #over = new AbortController();
  #changed: (() => void) | undefined;

  constructor(holder: Holder, release: (session: Session) => void) {
    this.holder = holder;
    this.#release = release;
  }

  /** Gives the reader to whoever waits for it. */
  release(): void {
    this.#over.abort();
    this.#release(this);
  }

  /** Fires when the reader is given free. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether, in this session, the reader's position has come to these places. */
  hasAcknowledged(places: readonly Place[]): boolean {
    return places.every((place) => (this.#positions.get(keyOf(place)) ?? -1) >= place.offset);
  }

  /** The reader's position has moved. */
  acknowledged(places: readonly Place[]): void {
    for (const place of places) {
      const key = keyOf(place);
      this.#positions.set(key, Math.max(place.offset, this.#positions.get(key) ?? 0));
    }
    this.#changed?.();
  }

  /** Resolves once the position has come to these places, after `ms`, or when the signal fires; says whether it has. */
  async untilAcknowledged(places: Iterable<Place>, ms: number, signal: AbortSignal): Promise<boolean> {
    const wanted = [...places];
    const there = (): boolean => this.hasAcknowledged(wanted);
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (there() || signal.aborted) done();
      };
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", check);
        this.#changed = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#changed = check;
      signal.addEventListener("abort", check);
      check();
    });
    return there();
  }
}

interface Queue {
  current: Session;
  readonly waiting: (() => void)[];
}

/** Which fetch holds which reader. Two fetches of one reader never both deliver the same record. */
export class Sessions {
  readonly #queues = new Map<string, Queue>();

  /**
   * Takes a reader, in the order in which it was asked for. Rejects with ABORTED / READER_BUSY when another fetch holds it for
   * longer than `waitMs`, and with the signal's reason when it fires.
   */
  async hold(reader: string, holder: Holder, waitMs: number, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    const queue = this.#queues.get(reader);
    if (queue === undefined) return this.#take(reader, holder);
    await this.#turn(reader, queue, waitMs, signal);
    return this.#take(reader, holder);
  }

  /** The session that holds a reader now. */
  of(reader: string): Session | undefined {
    return this.#queues.get(reader)?.current;
  }

  #take(reader: string, holder: Holder): Session {
    const session = new Session(holder, (released) => this.#pass(reader, released));
    const queue = this.#queues.get(reader);
    if (queue === undefined) this.#queues.set(reader, { current: session, waiting: [] });
    else queue.current = session;
    return session;
  }

  #pass(reader: string, released: Session): void {
    const queue = this.#queues.get(reader);
    if (queue === undefined || queue.current !== released) return;
    const next = queue.waiting.shift();
    if (next === undefined) this.#queues.delete(reader);
    else next();
  }

  /** Waits for this one's turn; the queue is its own when it resolves. */
  #turn(reader: string, queue: Queue, waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      };
      const mine = (): void => {
        leave();
        resolve();
      };
      const giveUp = (error: unknown): void => {
        leave();
        queue.waiting.splice(queue.waiting.indexOf(mine), 1);
        reject(error);
      };
      const abort = (): void => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(busy(reader, queue.current)), waitMs);
      signal.addEventListener("abort", abort);
      queue.waiting.push(mine);
      queue.current.nudge?.();
    });
  }
}

function busy(reader: string, { holder, since }: Session): Error {
  const what = holder.follow ? "a live tail" : "another fetch";
  return rpcError(
    Code.Aborted,
    "READER_BUSY",
    `the reader "${reader}" is held by ${what} (request ${holder.requestId}) since ${new Date(since).toISOString()}; ` +
      (holder.follow ? "end that one, or use another reader name" : "try again, or use another reader name"),
    { retryAfterMs: 1000, metadata: { reader, heldBy: holder.requestId, follow: String(holder.follow) } },
  );
}
