import type { Surroundings } from "./surroundings.js";

const clearLine = "\r\u001B[K";

/** A line that says what takes so long; only on a terminal, only after a moment, and gone in the end. */
export class Progress {
  readonly #around: Surroundings;
  readonly #timers: NodeJS.Timeout[] = [];
  #shown = false;

  /** `text` says how far it is; milliseconds. */
  constructor(around: Surroundings, text: () => string, { afterMs = 1000, everyMs = 250 } = {}) {
    this.#around = around;
    if (!around.errors.isTerminal) return;
    const show = (): void => {
      this.#shown = true;
      around.errRaw(`${clearLine}${text()}`);
    };
    const begin = (): void => {
      show();
      this.#timers.push(setInterval(show, everyMs));
    };
    this.#timers.push(setTimeout(begin, afterMs));
  }

  /** Has to be called before anything else is written to the terminal. */
  clear(): void {
    if (this.#shown) this.#around.errRaw(clearLine);
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.clear();
  }
}
