/** Whether an API may be polled. */
export type CircuitState =
  | { readonly kind: "closed"; readonly failures: number }
  /** Not to be polled before `probeAt`, in milliseconds since the epoch. */
  | { readonly kind: "open"; readonly probeAt: number }
  /** One poll is under way to find out whether it works again; all others wait for it. */
  | { readonly kind: "half-open" };

/** Passed on to the poll, so that what a poll began before the circuit opened says later does not count. */
export type Admission =
  | { readonly kind: "poll"; readonly probe: boolean }
  | { readonly kind: "wait"; readonly forMs: number };

export interface CircuitOptions {
  /** Failed polls in a row after which it opens. */
  readonly openAfter: number;
  /** How far probes are apart, in milliseconds. */
  readonly probeEveryMs: number;
  readonly now?: () => number;
}

/** While a poll is out to probe, others look again after this long, in milliseconds. */
const PROBE_UNDER_WAY_MS = 1000;

/** Spares an API that keeps failing, and us: after so many failed polls in a row only single probes are sent. */
export class CircuitBreaker {
  readonly #options: CircuitOptions;
  readonly #now: () => number;
  #state: CircuitState = { kind: "closed", failures: 0 };

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Asks to poll. Who was let through has to tell how it went: succeeded, failed or abandoned. */
  enter(): Admission {
    switch (this.#state.kind) {
      case "closed":
        return { kind: "poll", probe: false };
      case "half-open":
        return { kind: "wait", forMs: PROBE_UNDER_WAY_MS };
      case "open": {
        const forMs = this.#state.probeAt - this.#now();
        if (forMs > 0) return { kind: "wait", forMs };
        this.#state = { kind: "half-open" };
        return { kind: "poll", probe: true };
      }
    }
  }

  succeeded(): void {
    this.#state = { kind: "closed", failures: 0 };
  }

  /** `notBeforeMs`: how long the API asked to be left alone, in milliseconds. */
  failed(notBeforeMs = 0): void {
    const { openAfter, probeEveryMs } = this.#options;
    const probeAt = this.#now() + Math.max(probeEveryMs, notBeforeMs);
    switch (this.#state.kind) {
      case "closed": {
        const failures = this.#state.failures + 1;
        this.#state = failures >= openAfter ? { kind: "open", probeAt } : { kind: "closed", failures };
        return;
      }
      case "half-open":
        this.#state = { kind: "open", probeAt };
        return;
      case "open":
      // A poll that began before it opened: says nothing new.
    }
  }

  /** The poll was given up for a reason of our own, so nothing is known: the next one may probe at once. */
  abandoned(): void {
    if (this.#state.kind === "half-open") this.#state = { kind: "open", probeAt: this.#now() };
  }
}
