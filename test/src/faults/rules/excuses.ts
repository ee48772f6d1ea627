import type { Event } from "../history.js";

/** Faults that do nothing to those who read. */
const harmless = /^(upstream|retention)| of ingestor/;

/**
 * When a fault was active by which it may be unknown what a client has received. Of records whose receipt nobody knew yet some
 * come again (README, "What it promises").
 */
export class Excuses {
  readonly #active = new Set<number>();
  #lastEnd = Number.NEGATIVE_INFINITY;

  see(event: Event): void {
    if (event.kind === "fault" && !harmless.test(event.name) && !harmless.test(event.what)) {
      this.#active.add(event.fault);
    } else if (event.kind === "healed" && this.#active.delete(event.fault)) {
      this.#lastEnd = event.t;
    }
  }

  /** Whether there was one at any time from then until now. */
  since(t: number): boolean {
    return this.#active.size > 0 || this.#lastEnd >= t;
  }
}
