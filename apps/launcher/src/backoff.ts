export interface RestartPolicy {
  /** The wait before the first restart, in milliseconds; it doubles from there. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** Whoever ran this long (milliseconds) begins with the shortest wait again. */
  readonly resetAfterMs: number;
}

export const defaultRestartPolicy: RestartPolicy = { initialMs: 250, maxMs: 5000, resetAfterMs: 10_000 };

/** How long to wait before a process that died is started again. */
export class RestartBackoff {
  readonly #policy: RestartPolicy;
  #nextMs: number;

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
    this.#nextMs = policy.initialMs;
  }

  /** @param upMs how long the process that died had run, in milliseconds */
  afterDeath(upMs: number): number {
    if (upMs >= this.#policy.resetAfterMs) this.#nextMs = this.#policy.initialMs;
    const wait = this.#nextMs;
    this.#nextMs = Math.min(wait * 2, this.#policy.maxMs);
    return wait;
  }
}
