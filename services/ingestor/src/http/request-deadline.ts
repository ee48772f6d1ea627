/** Why a request was given up: the time for the whole of it was over. */
export class RequestTimeoutError extends Error {
  override readonly name = "RequestTimeoutError";
}

/**
 * The time that a whole request may take, from its first byte to the last one of its answer. One signal for everything
 * that waits for the API: fires when the time is over, with {@link RequestTimeoutError}, and when the caller's does.
 */
export class RequestDeadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onOuterAbort: () => void;
  #timer: NodeJS.Timeout | undefined;
  #remainingMs: number;
  #runningSince = 0;
  #ended = false;

  constructor(ms: number, outer: AbortSignal) {
    this.#outer = outer;
    this.#remainingMs = ms;
    // By hand, and taken off at the end: AbortSignal.any() would tie every request to a signal that lives for days.
    this.#onOuterAbort = () => this.#controller.abort(outer.reason);
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener("abort", this.#onOuterAbort);
    this.resume();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops the clock: whoever reads the answer is busy with what it has, and the API is not to blame. */
  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs -= performance.now() - this.#runningSince;
  }

  resume(): void {
    if (this.#ended || this.#timer !== undefined || this.signal.aborted) return;
    this.#runningSince = performance.now();
    this.#timer = setTimeout(
      () => this.#controller.abort(new RequestTimeoutError("the time for the request is over")),
      Math.max(0, this.#remainingMs),
    );
  }

  /** The request has ended, one way or the other: nothing fires any more. */
  end(): void {
    this.pause();
    this.#ended = true;
    this.#outer.removeEventListener("abort", this.#onOuterAbort);
  }
}
