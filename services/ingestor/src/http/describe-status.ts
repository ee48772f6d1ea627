import { parseRetryAfter } from "../backoff.js";
import { PollError, type PollErrorKind } from "../poll-error.js";
import { rateBudget } from "./rate-headers.js";

export interface RefusedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The address, fit to be shown. */
  readonly where: string;
  /** What the API itself says. */
  readonly excerpt: string | undefined;
  /** Whether this request carried the credentials: another server than the configured one gets none. */
  readonly trusted: boolean;
}

/** Turns a status that is no success into what went wrong, in words. */
export function describeStatus({ status, headers, where, excerpt, trusted }: RefusedAnswer, nowMs: number): PollError {
  const asked = parseRetryAfter(headers["retry-after"], nowMs);
  const budget = rateBudget(headers, nowMs);
  const exhausted = budget !== undefined && budget.remaining < 1;
  const throttled = status === 429 || ((status === 403 || status === 503) && (asked !== undefined || exhausted));
  const retryAfterMs = asked ?? (throttled && exhausted ? budget.resetsAt - nowMs : undefined);
  const wait = retryAfterMs === undefined ? "" : `; it wants to be left alone for ${Math.ceil(retryAfterMs / 1000)} s`;
  const said = excerpt === undefined ? "" : `; it says: "${excerpt}"`;
  const [kind, text]: readonly [PollErrorKind, string] = throttled
    ? ["throttled", "the API is asked too often; raise the interval, or set rate_limit"]
    : meaning(status, trusted);
  return new PollError(`HTTP ${status}: ${text}${wait} (${where})${said}`, { kind, httpStatus: status, retryAfterMs });
}

function meaning(status: number, trusted: boolean): readonly [PollErrorKind, string] {
  const elsewhere = trusted ? "" : " (it got none: this is not the configured server; if it is meant, set url to it)";
  switch (status) {
    case 401:
      return ["unauthorized", `the API wants credentials, or does not accept those it got; check auth${elsewhere}`];
    case 403:
      return ["forbidden", `the API refuses access; check auth and what those credentials may see${elsewhere}`];
    case 404:
      return ["not-found", "there is nothing at this address; check url"];
    case 410:
      return ["not-found", "what was at this address is gone for good; check url"];
    case 407:
      return ["unauthorized", "the proxy wants credentials, or does not accept those it got; check proxy"];
    case 408:
      return ["timeout", "the API says that the request took too long"];
    case 425:
      return ["server", "the API is not ready for the request yet"];
    default:
  }
  if (status >= 500) return ["server", "the API has a failure of its own"];
  if (status >= 400) return ["rejected", "the API does not accept the request; check method, query and body"];
  return ["rejected", "not an answer that can be used"];
}
