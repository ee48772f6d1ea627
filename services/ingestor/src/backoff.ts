/** Longest wait that an API can ask for, in milliseconds. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000;

export interface BackoffLimits {
  /** The upper limit of the first wait, in milliseconds. */
  readonly firstMs: number;
  /** The upper limit of every wait, in milliseconds. */
  readonly longestMs: number;
}

/**
 * How long to wait after so many failures in a row, in milliseconds: exponential with full jitter (a random part of the
 * limit), so that many pollers of one API that failed together do not come back together.
 */
export function backoffMs(failures: number, { firstMs, longestMs }: BackoffLimits, random = Math.random): number {
  const limit = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 52));
  // Never nothing: a wait of no time would make a busy loop of a failure that comes at once.
  return Math.max(limit / 10, random() * limit);
}

/** Retry-After (RFC 9110, 10.2.3), seconds or an HTTP date, in milliseconds from now, one hour at most. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : /[a-z]{3}/i.test(text) ? Date.parse(text) - nowMs : Number.NaN;
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
