import type { Receipt } from "@apispool/common/receipt.js";
import { within } from "@apispool/common/within.js";

/** The responses whose receipt is not known yet, by reader: the next fetch of the reader has to wait for them. */
export class PendingReceipts {
  readonly #byReader = new Map<string, Set<Receipt>>();
  readonly #tails = new Map<string, Set<() => void>>();
  readonly #settling = new Set<Promise<void>>();
  /** Acknowledgements under way of what is known to have been received, by reader. */
  readonly #acknowledging = new Map<string, Set<Promise<unknown>>>();
  /** What waits for its receipt without a lease, by reader. */
  readonly #orphans = new Map<string, Set<Promise<void>>>();

  /** Finds out now what became of this reader's responses, and whether those that hold it have anybody left to go to. */
  nudge(reader: string): void {
    for (const receipt of this.#byReader.get(reader) ?? []) receipt.nudge();
    for (const wanted of this.#tails.get(reader) ?? []) wanted();
  }

  /** Keeps a live tail that holds a reader, until it is told to let go of it; `wanted` is called when somebody else comes. */
  holding(reader: string, wanted: () => void): () => void {
    const tails = this.#tails.get(reader) ?? new Set();
    this.#tails.set(reader, tails.add(wanted));
    return () => {
      tails.delete(wanted);
      if (tails.size === 0 && this.#tails.get(reader) === tails) this.#tails.delete(reader);
    };
  }

  nudgeAll(): void {
    for (const reader of this.#byReader.keys()) this.nudge(reader);
  }

  /** Keeps a receipt until its outcome is known. */
  add(reader: string, receipt: Receipt): void {
    const receipts = this.#byReader.get(reader) ?? new Set();
    this.#byReader.set(reader, receipts.add(receipt));
    void receipt.outcome.then(() => {
      receipts.delete(receipt);
      if (receipts.size === 0 && this.#byReader.get(reader) === receipts) this.#byReader.delete(reader);
    });
  }

  /** Keeps an acknowledgement until it is done, one way or the other. */
  acknowledging(reader: string, work: Promise<unknown>): void {
    const under = this.#acknowledging.get(reader) ?? new Set();
    this.#acknowledging.set(reader, under.add(work));
    const done = (): void => {
      under.delete(work);
      if (under.size === 0 && this.#acknowledging.get(reader) === under) this.#acknowledging.delete(reader);
    };
    work.then(done, done);
  }

  /** Waits for this reader's acknowledgements that are under way, so many milliseconds at most. */
  async acknowledged(reader: string, ms: number): Promise<void> {
    const under = this.#acknowledging.get(reader);
    if (under === undefined) return;
    await within(ms, Promise.allSettled(under));
  }

  /**
   * A response's lease is gone, with the reader process that kept it, and it is not known yet whether its client has the
   * records: until it is settled the reader's next fetch waits here.
   */
  orphaned(reader: string, settling: Promise<void>): void {
    if (!this.#settling.has(settling)) return;
    const orphans = this.#orphans.get(reader) ?? new Set();
    this.#orphans.set(reader, orphans.add(settling));
    void settling.then(() => {
      orphans.delete(settling);
      if (orphans.size === 0 && this.#orphans.get(reader) === orphans) this.#orphans.delete(reader);
    });
  }

  /** Waits until nothing is orphaned of this reader's responses, so many milliseconds at most; says whether it is so. */
  async adopted(reader: string, ms: number): Promise<boolean> {
    const orphans = this.#orphans.get(reader);
    if (orphans === undefined) return true;
    return await within(ms, Promise.all(orphans));
  }

  /** Keeps what follows from an outcome (the acknowledgement) until it is done; it must not reject. */
  track(settling: Promise<void>): void {
    this.#settling.add(settling);
    void settling.then(() => this.#settling.delete(settling));
  }

  /** How many responses wait for evidence or for their acknowledgement. */
  get size(): number {
    return this.#settling.size;
  }

  /** Resolves once nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }
}
