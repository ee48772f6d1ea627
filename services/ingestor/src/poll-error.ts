interface Extra {
  readonly cause?: unknown;
  /** How long the API asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly httpStatus?: number;
}

/** Thrown when an API's answer could not be had or made no sense; its text says what a person can do about it. */
export class PollError extends Error {
  override readonly name = "PollError";
  readonly retryAfterMs: number | undefined;
  readonly httpStatus: number | undefined;

  constructor(message: string, { cause, retryAfterMs, httpStatus }: Extra = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.retryAfterMs = retryAfterMs;
    this.httpStatus = httpStatus;
  }
}
