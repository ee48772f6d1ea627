/**
 * What a live tail has handed over, and how much of it is acknowledged. One confirmation is under way at a time; what
 * is handed over meanwhile is covered by the next one.
 */
export class FollowProgress {
  readonly #acknowledge: (cursor: string) => Promise<boolean>;
  readonly #confirmWritten: (() => Promise<boolean>) | undefined;
  #handedOver = "";
  #acknowledged = "";
  #confirming = false;

  constructor(acknowledge: (cursor: string) => Promise<boolean>, confirmWritten: (() => Promise<boolean>) | undefined) {
    this.#acknowledge = acknowledge;
    this.#confirmWritten = confirmWritten;
  }

  /** A batch has been written; whether the client has it is another question. */
  handedOver(cursor: string): void {
    this.#handedOver = cursor;
    if (!this.#confirming) void this.#confirm();
  }

  /** The client has everything that was handed over. */
  async received(): Promise<void> {
    await this.#advance(this.#handedOver);
  }

  async #confirm(): Promise<void> {
    if (this.#confirmWritten === undefined) return;
    this.#confirming = true;
    try {
      for (;;) {
        const cursor = this.#handedOver;
        if (cursor === this.#acknowledged || !(await this.#confirmWritten()) || !(await this.#advance(cursor))) return;
      }
    } finally {
      this.#confirming = false;
    }
  }

  async #advance(cursor: string): Promise<boolean> {
    if (cursor === this.#acknowledged) return true;
    if (!(await this.#acknowledge(cursor))) return false;
    this.#acknowledged = cursor;
    return true;
  }
}
