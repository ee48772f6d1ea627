/** What kind of trouble it is: decides whether it is tried again, how soon, and what the status says. */
export type PollErrorKind =
  /** The configuration asks for something that cannot be: trying again does not help. */
  | "config"
  /** 401: the credentials are missing, wrong or expired. */
  | "unauthorized"
  /** 403. */
  | "forbidden"
  /** 404, 410. */
  | "not-found"
  /** Any other 4xx: the request is refused as it is. */
  | "rejected"
  /** 429, or a 403/503 with Retry-After: asked too often. */
  | "throttled"
  /** 5xx. */
  | "server"
  | "timeout"
  /** DNS, connection refused, reset, unreachable. */
  | "network"
  | "tls"
  /** Cut off, not to be decompressed, not of the format, too large, no records where they should be. */
  | "malformed"
  /** An address out of an answer that the configuration does not allow. */
  | "blocked"
  /** The pages go round in a circle. */
  | "loop";

interface Extra {
  readonly kind?: PollErrorKind;
  readonly cause?: unknown;
  /** How long the API asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly httpStatus?: number;
  /** The answer broke off before its end: of what is malformed, only this may be whole at the next try. */
  readonly cutOff?: boolean;
}

/** Thrown when an API's answer could not be had or made no sense; its text says what a person can do about it. */
export class PollError extends Error {
  override readonly name = "PollError";
  readonly kind: PollErrorKind;
  readonly retryAfterMs: number | undefined;
  readonly httpStatus: number | undefined;
  readonly cutOff: boolean;

  constructor(message: string, { kind = "malformed", cause, retryAfterMs, httpStatus, cutOff = false }: Extra = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.httpStatus = httpStatus;
    this.cutOff = cutOff;
  }
}
