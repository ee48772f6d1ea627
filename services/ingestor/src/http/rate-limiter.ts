import type { RateLimitConfig } from "../config/source-config.js";
import { sleep as ordinarySleep } from "../deadline.js";
import { type RateBudget, rateBudget } from "./rate-headers.js";

export interface RateLimiterDeps {
  readonly now?: () => number;
  /** Returns early, without throwing, when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Keeps to two limits: the configured one, a token bucket that holds as many requests as may be made in one period, and
 * the API's own, as its answers tell it: with nothing left, nothing is sent before it resets (an hour at most).
 */
export class RateLimiter {
  readonly #config: RateLimitConfig | undefined;
  readonly #now: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #tokens: number;
  #filledAt: number;
  #budget: RateBudget | undefined;

  constructor(config: RateLimitConfig | undefined, { now = Date.now, sleep = ordinarySleep }: RateLimiterDeps = {}) {
    this.#config = config;
    this.#now = now;
    this.#sleep = sleep;
    this.#tokens = config?.requests ?? 0;
    this.#filledAt = now();
  }

  get budget(): RateBudget | undefined {
    return this.#budget;
  }

  /** Waits until a request may be made, and counts it. Rejects with the signal's reason where it fires. */
  async take(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const wait = Math.max(this.#untilToken(), this.#untilReset());
      if (wait <= 0) break;
      await this.#sleep(wait, signal);
    }
    this.spend();
  }

  /** Counts a request that is made without waiting (the next hop of a redirect); those after it wait for longer. */
  spend(): void {
    this.#refill();
    this.#tokens -= 1;
    // Until an answer says more: several requests that go out at once must not all take the last one.
    if (this.#budget !== undefined && this.#budget.remaining > 0) {
      this.#budget = { ...this.#budget, remaining: this.#budget.remaining - 1 };
    }
  }

  /** Takes in what an answer says of the API's limit. */
  note(headers: Readonly<Record<string, string>>): void {
    this.#budget = rateBudget(headers, this.#now()) ?? this.#budget;
  }

  #untilToken(): number {
    if (this.#config === undefined) return 0;
    this.#refill();
    const { requests, perMs } = this.#config;
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * perMs) / requests);
  }

  #untilReset(): number {
    return this.#budget === undefined || this.#budget.remaining >= 1 ? 0 : this.#budget.resetsAt - this.#now();
  }

  #refill(): void {
    if (this.#config === undefined) return;
    const now = this.#now();
    const { requests, perMs } = this.#config;
    // Never negative: a clock that was set back must not take tokens away.
    const gained = (Math.max(0, now - this.#filledAt) * requests) / perMs;
    this.#tokens = Math.min(requests, this.#tokens + gained);
    this.#filledAt = now;
  }
}
