import type { DeadLetter, ExtractedRecord, ItemBatch } from "../extract/page.js";
import type { PollTrace } from "../telemetry/poll-trace.js";
import type { PollState } from "./poll-state.js";

/** What is new of a batch. */
export interface Found {
  readonly records: readonly ExtractedRecord[];
  readonly deadLetters: readonly DeadLetter[];
  /** By this the records of a page are known again: all of them have it, and no other page's. Unix milliseconds. */
  readonly timestamp: number;
  /** By id: contents that were on the page too, and known already; see DedupWindow. Undefined where there are none. */
  readonly unwritten?: ReadonlyMap<string, readonly string[]>;
}

/** What is written at once: all of it or nothing. */
export interface Part {
  /** In order; of one page or of several. */
  readonly found: readonly Found[];
  /** Where the poll stands once this is written. */
  readonly state: PollState;
  /** Write the state even where there is nothing new. */
  readonly flush?: boolean;
  readonly trace?: PollTrace | undefined;
}

/** Where a poll's findings go: the log, or, for a try, nowhere. */
export interface PollSink {
  /** Where the source's polls stand. */
  readonly state: PollState | undefined;
  /** Picks what is new of a batch; it counts as known from here on. `beginsPage`: it has the page's first item. */
  stage(batch: Pick<ItemBatch, "records" | "deadLetters">, beginsPage?: boolean): Found;
  /** Forgets what was staged and not committed. */
  rollback(): void;
  commit(part: Part): Promise<void>;
}
