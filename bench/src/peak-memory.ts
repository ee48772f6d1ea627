import { usageOf } from "./usage.js";

/** How often a process is looked at, in milliseconds: what it tells is its peak so far, so only the last look's time is lost. */
const EVERY_MS = 100;

/** The most memory of a process that ends by itself. */
export class PeakMemory {
  #peak: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  watch(pid: number): void {
    this.#timer = setInterval(() => {
      void usageOf(pid).then((usage) => {
        if (usage !== undefined) this.#peak = Math.max(this.#peak ?? 0, usage.peakMemory);
      });
    }, EVERY_MS);
  }

  /** Ends the watch; gives the peak in MB, or undefined where it cannot be told. */
  stop(): number | undefined {
    clearInterval(this.#timer);
    return this.#peak;
  }
}
