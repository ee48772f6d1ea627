import type { DeadLetter, ExtractedRecord } from "../extract/page.js";
import type { Found, Part, PollSink } from "../poll/poll-sink.js";
import type { PollState } from "../poll/poll-state.js";

/** A log in memory whose commits wait for the test. */
export class GatedSink implements PollSink {
  state: PollState | undefined;
  /** The ids of each transaction. */
  readonly written: string[][] = [];
  readonly states: PollState[] = [];
  rolledBack = 0;
  #waiting: { finish: () => void; fail: (error: Error) => void } | undefined;
  #knocked: (() => void)[] = [];
  #open = false;

  stage({ records, deadLetters }: { records: readonly ExtractedRecord[]; deadLetters: readonly DeadLetter[] }): Found {
    return { records, deadLetters, timestamp: 0 };
  }

  rollback(): void {
    this.rolledBack += 1;
  }

  async commit({ found, state }: Part): Promise<void> {
    if (!this.#open) {
      await new Promise<void>((finish, fail) => {
        this.#waiting = { finish, fail };
        for (const knock of this.#knocked.splice(0)) knock();
      });
    }
    this.written.push(found.flatMap(({ records }) => records.map(({ id }) => id)));
    this.states.push(state);
    this.state = state;
  }

  /** Waits until something is to be committed. */
  async knock(): Promise<void> {
    if (this.#waiting === undefined) await new Promise<void>((knock) => this.#knocked.push(knock));
  }

  /** Lets the commit that waits succeed. */
  finish(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.finish();
  }

  /** As {@link finish}, and nothing waits any more. */
  open(): void {
    this.#open = true;
    this.finish();
  }

  fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.fail(error);
  }
}
