/**
 * What a live tail has handed over, and how much of it is acknowledged. One confirmation is under way at a time, and from
 * one to the next it takes `everyMs` at least; what is handed over meanwhile is covered by the next one.
 */
export class FollowProgress {
  readonly #acknowledge: (cursor: string) => Promise<boolean>;
  readonly #confirmWritten: (() => Promise<boolean>) | undefined;
  readonly #everyMs: () => number;
  #handedOver = "";
  #acknowledged = "";
  #confirming: Promise<void> | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(
    acknowledge: (cursor: string) => Promise<boolean>,
    confirmWritten: (() => Promise<boolean>) | undefined,
    everyMs: () => number = () => 0,
  ) {
    this.#acknowledge = acknowledge;
    this.#confirmWritten = confirmWritten;
    this.#everyMs = everyMs;
  }

  /** A batch has been written; whether the client has it is another question. */
  handedOver(cursor: string): void {
    this.#handedOver = cursor;
    if (this.#ended) return;
    this.#confirming ??= this.#confirm().finally(() => (this.#confirming = undefined));
  }

  /** The client has everything that was handed over. */
  async received(): Promise<void> {
    await this.end();
    await this.#advance(this.#handedOver);
  }

  /**
   * Nothing more is handed over; resolves once what has been confirmed is acknowledged. `lastLook`: the client is there, so
   * what it was handed last is confirmed, too.
   */
  async end({ lastLook = false } = {}): Promise<void> {
    this.#ended = true;
    this.#wake?.();
    await this.#confirming;
    const cursor = this.#handedOver;
    if (!lastLook || cursor === this.#acknowledged || this.#confirmWritten === undefined) return;
    if (await this.#confirmWritten()) await this.#advance(cursor);
  }

  async #confirm(): Promise<void> {
    if (this.#confirmWritten === undefined) return;
    while (!this.#ended) {
      const cursor = this.#handedOver;
      if (cursor === this.#acknowledged) return;
      const begun = performance.now();
      if (!(await this.#confirmWritten()) || !(await this.#advance(cursor))) return;
      await this.#pause(begun + this.#everyMs() - performance.now());
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#ended) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #advance(cursor: string): Promise<boolean> {
    if (cursor === this.#acknowledged) return true;
    if (!(await this.#acknowledge(cursor))) return false;
    this.#acknowledged = cursor;
    return true;
  }
}
