/** A request that was given up before that was made only for that, in milliseconds. */
export const youngMs = 1000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * Requests that a client gives up as soon as it has made them, on all its connections together: each costs work here and
 * behind, and what HTTP/2 limits on one connection is unlimited on many. A bucket for each client, that fills again.
 */
export class Abandoned {
  readonly #burst: number;
  readonly #perMs: number;
  /** Those that are not full; the longest untouched first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
  }

  /** A client has given a request up. */
  count(client: string, now = performance.now()): void {
    const left = Math.max(0, this.#left(client, now) - 1);
    this.#buckets.delete(client);
    this.#buckets.set(client, { left, at: now });
    for (const [other, { at }] of this.#buckets) {
      // Such a bucket is full again.
      if (now - at < this.#burst / this.#perMs) break;
      this.#buckets.delete(other);
    }
  }

  /** Whether it has done so too often to be served now. */
  tooMany(client: string, now = performance.now()): boolean {
    return this.#buckets.size > 0 && this.#left(client, now) < 1;
  }

  #left(client: string, now: number): number {
    const bucket = this.#buckets.get(client);
    return bucket === undefined ? this.#burst : Math.min(this.#burst, bucket.left + (now - bucket.at) * this.#perMs);
  }
}
