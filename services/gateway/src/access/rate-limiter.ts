/** A token bucket for each client. */
interface Bucket {
  tokens: number;
  /** When the tokens were counted, in milliseconds of a clock that never goes back. */
  at: number;
}

export interface RateLimit {
  /** Tokens that come back in a second. */
  readonly perSecond: number;
  /** The most that there are. */
  readonly burst: number;
}

/** Where a client stands. */
export interface Standing {
  readonly taken: boolean;
  /** Whole requests that are left. */
  readonly left: number;
  /** Until there is a token again; 0 where there is one. In milliseconds. */
  readonly retryAfterMs: number;
  /** Until the bucket is full again, in milliseconds. */
  readonly fullInMs: number;
}

/** Clients that are remembered; the one that was seen longest ago is forgotten first, which a full bucket does not notice. */
const mostClients = 10_000;

/** How often each client may come: token buckets, in memory that does not grow with the number of clients. */
export class RateLimiter {
  readonly limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  constructor(limit: RateLimit, now: () => number = () => performance.now()) {
    this.limit = limit;
    this.#now = now;
  }

  /** Takes a token if there is one. */
  take(client: string): Standing {
    const bucket = this.#bucket(client);
    const taken = bucket.tokens >= 1;
    if (taken) bucket.tokens -= 1;
    return this.#standing(bucket, taken);
  }

  /** Whether there is a token, without taking it. */
  look(client: string): Standing {
    const bucket = this.#bucket(client);
    return this.#standing(bucket, bucket.tokens >= 1);
  }

  #bucket(client: string): Bucket {
    const { perSecond, burst } = this.limit;
    const now = this.#now();
    const known = this.#buckets.get(client);
    const bucket = known ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    // The newest last.
    if (known !== undefined) this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > mostClients) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }

  #standing({ tokens }: Bucket, taken: boolean): Standing {
    const { perSecond, burst } = this.limit;
    return {
      taken,
      left: Math.floor(tokens),
      retryAfterMs: tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / perSecond) * 1000),
      fullInMs: Math.ceil(((burst - tokens) / perSecond) * 1000),
    };
  }
}
