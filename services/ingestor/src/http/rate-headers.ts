import { LONGEST_RETRY_AFTER_MS } from "../backoff.js";

type Headers = Readonly<Record<string, string>>;

/** What an API says is left of its rate limit; times are milliseconds since the epoch. */
export interface RateBudget {
  readonly remaining: number;
  readonly resetsAt: number;
}

/**
 * Reads `RateLimit` (draft-ietf-httpapi-ratelimit-headers, both shapes that were published), `RateLimit-Remaining`,
 * `X-RateLimit-*`, `X-Rate-Limit-*` and `X-RateLimit-Reset-After`. Undefined where nothing is said, or not when it ends.
 */
export function rateBudget(headers: Headers, nowMs: number): RateBudget | undefined {
  const combined = headers["ratelimit"];
  const fromCombined = combined === undefined ? undefined : combinedBudget(combined, nowMs);
  if (fromCombined !== undefined) return fromCombined;
  for (const prefix of ["ratelimit-", "x-ratelimit-", "x-rate-limit-"]) {
    const remaining = firstNumber(headers[`${prefix}remaining`]);
    if (remaining === undefined) continue;
    const after = firstNumber(headers[`${prefix}reset-after`]);
    const resetsAt = after === undefined ? resetTime(headers[`${prefix}reset`], headers, nowMs) : nowMs + after * 1000;
    if (resetsAt !== undefined) return { remaining, resetsAt: bounded(resetsAt, nowMs) };
  }
  return undefined;
}

/** `limit=100, remaining=5, reset=30` (draft 7) or `"burst";r=0;t=2, "day";r=900;t=80000` (since draft 8). */
function combinedBudget(text: string, nowMs: number): RateBudget | undefined {
  const parameter = (part: string, name: string): number | undefined =>
    firstNumber(new RegExp(`(?:^|[;,\\s])${name}\\s*=\\s*([\\d.]+)`).exec(part)?.[1]);
  const policies = /(?:^|[,\s])remaining\s*=/.test(text)
    ? [{ remaining: parameter(text, "remaining"), reset: parameter(text, "reset") }]
    : text.split(",").map((part) => ({ remaining: parameter(part, "r"), reset: parameter(part, "t") }));
  let tightest: RateBudget | undefined;
  for (const { remaining, reset } of policies) {
    if (remaining === undefined || reset === undefined) continue;
    const budget = { remaining, resetsAt: bounded(nowMs + reset * 1000, nowMs) };
    // The one with least left decides; of those the one that lasts longest.
    if (
      tightest === undefined ||
      remaining < tightest.remaining ||
      (remaining === tightest.remaining && budget.resetsAt > tightest.resetsAt)
    ) {
      tightest = budget;
    }
  }
  return tightest;
}

/** Nobody agreed on what a reset is: seconds from now, seconds or milliseconds since the epoch (GitHub), or a date. */
function resetTime(text: string | undefined, headers: Headers, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const value = firstNumber(text);
  if (value !== undefined && value < 1e9) return nowMs + value * 1000;
  const time = value === undefined ? Date.parse(text) : value < 1e11 ? value * 1000 : value;
  if (Number.isNaN(time)) return undefined;
  // A time of day is by the server's clock: where it says what that shows, ours need not be right.
  const theirs = Date.parse(headers["date"] ?? "");
  return Number.isNaN(theirs) ? time : time - theirs + nowMs;
}

function firstNumber(text: string | undefined): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:$|[,;])/.exec(text ?? "")?.[1];
  return match === undefined ? undefined : Number(match);
}

function bounded(resetsAt: number, nowMs: number): number {
  return Math.min(Math.max(resetsAt, nowMs), nowMs + LONGEST_RETRY_AFTER_MS);
}
