/** What many latencies were, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Tenths of a millisecond, up to 30 seconds. */
const STEPS_PER_MS = 10;
const STEPS = 30_000 * STEPS_PER_MS;

/** Counts latencies to a tenth of a millisecond, however many there are. */
export class Latencies {
  readonly #counts = new Uint32Array(STEPS + 1);
  #count = 0;
  #most = 0;

  add(ms: number): void {
    const step = Math.min(STEPS, Math.max(0, Math.floor(ms * STEPS_PER_MS)));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#count += 1;
    this.#most = Math.max(this.#most, ms);
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#most = 0;
  }

  summary(): LatencySummary {
    return { count: this.#count, p50: this.#at(0.5), p99: this.#at(0.99), most: this.#most };
  }

  #at(share: number): number {
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    for (let step = 0; step <= STEPS; step += 1) {
      seen += this.#counts[step] ?? 0;
      if (seen >= wanted && seen > 0) return (step + 1) / STEPS_PER_MS;
    }
    return Number.NaN;
  }
}
