/** Over which time requests and repeats are counted, in milliseconds, in so many parts. */
const WINDOW_MS = 60_000;
const PARTS = 6;
/** The share of extra requests that repeating may make. */
const SHARE = 0.2;
/** Repeats that are always allowed, so that an API that is rarely asked is asked again at all. */
const FEW = 3;

interface Part {
  readonly beganAt: number;
  requests: number;
  repeats: number;
}

/**
 * Keeps repeats from adding to the load of an API that is failing: at most a fifth more requests than without them over
 * the last minute, or three where few were made. One for all requests to one API.
 */
export class RetryBudget {
  readonly #now: () => number;
  #parts: Part[] = [];

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A request is made for the first time. */
  request(): void {
    this.#current().requests += 1;
  }

  /** Asks to repeat one; false: not now. */
  repeat(): boolean {
    const current = this.#current();
    const requests = this.#parts.reduce((sum, part) => sum + part.requests, 0);
    const repeats = this.#parts.reduce((sum, part) => sum + part.repeats, 0);
    if (repeats >= Math.max(FEW, Math.floor(requests * SHARE))) return false;
    current.repeats += 1;
    return true;
  }

  #current(): Part {
    const now = this.#now();
    this.#parts = this.#parts.filter((part) => now - part.beganAt < WINDOW_MS);
    const last = this.#parts.at(-1);
    if (last !== undefined && now - last.beganAt < WINDOW_MS / PARTS) return last;
    const part = { beganAt: now, requests: 0, repeats: 0 };
    this.#parts.push(part);
    return part;
  }
}
