import { backoffMs } from "../backoff.js";
import type { RetryConfig } from "../config/source-config.js";
import { sleep as ordinarySleep } from "../deadline.js";
import { PollError, type PollErrorKind } from "../poll-error.js";
import type { RetryBudget } from "./retry-budget.js";

export interface RetryDeps {
  readonly random?: () => number;
  /** Returns early, without throwing, when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Shared by all requests to one API; without it only `maxAttempts` limits. */
  readonly budget?: RetryBudget;
  /** Told before every wait, for the log. */
  readonly onRetry?: (error: PollError, waitMs: number) => void;
}

const repeated: ReadonlySet<PollErrorKind> = new Set(["server", "timeout", "network", "throttled"]);

/** Whether the same request may well succeed a moment later. */
export function isRepeatable(error: unknown): error is PollError {
  return error instanceof PollError && (repeated.has(error.kind) || error.cutOff);
}

/**
 * Makes the attempt, and repeats it while it fails with what may pass: exponential backoff with full jitter, never before
 * the API's Retry-After is over. An API that wants to be left alone for longer than `maxMs` is not waited for in here:
 * the error goes to the caller, whose schedule waits `retryAfterMs`, so that the status says so and Stop is at once.
 * Fails with the last error, or with the signal's reason where that fired.
 */
export async function withRetries<T>(
  policy: Pick<RetryConfig, "maxAttempts" | "initialMs" | "maxMs">,
  attempt: (number: number) => Promise<T>,
  signal: AbortSignal,
  { random = Math.random, sleep = ordinarySleep, budget, onRetry }: RetryDeps = {},
): Promise<T> {
  budget?.request();
  for (let number = 1; ; number += 1) {
    signal.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      signal.throwIfAborted();
      if (number >= policy.maxAttempts || !isRepeatable(error)) throw error;
      const asked = error.retryAfterMs ?? 0;
      if (asked > policy.maxMs) throw error;
      if (budget?.repeat() === false) throw error;
      const backoff = backoffMs(number, { firstMs: policy.initialMs, longestMs: policy.maxMs }, random);
      // On top of what was asked, so that all who were sent away at once do not come back at once.
      const wait = asked > 0 ? asked + random() * Math.min(policy.initialMs, 1000) : backoff;
      onRetry?.(error, wait);
      await sleep(wait, signal);
    }
  }
}
