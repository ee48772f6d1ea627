import type { DeadLetter, ExtractedRecord, ItemBatch } from "../extract/page.js";
import type { Found, Part, PollSink } from "../poll/poll-sink.js";
import type { PollState } from "../poll/poll-state.js";
import { DedupWindow } from "../state/dedup-window.js";

/** What is in the log of a source. */
export interface Known {
  readonly state: PollState | undefined;
  readonly stage: PollSink["stage"];
}

/** Takes a poll's findings and writes them nowhere. */
export class DrySink implements PollSink {
  readonly #known: Known;
  readonly #most: number;
  readonly records: ExtractedRecord[] = [];
  readonly deadLetters: DeadLetter[] = [];
  recordsTotal = 0;
  deadLettersTotal = 0;
  duplicates = 0;
  state: PollState | undefined;

  constructor(known: Known | undefined, most: number) {
    const window = new DedupWindow(100_000);
    this.#known = known ?? {
      state: undefined,
      stage: ({ records, deadLetters }, beginsPage) => {
        if (beginsPage === true) window.beginPage();
        return { records: records.filter(({ id, hash }) => window.stage(id, hash)), deadLetters, timestamp: 0 };
      },
    };
    this.#most = most;
    // As if nothing were known of the answer: whoever tries wants to see one, not "not modified".
    const { first: _first, ...state } = this.#known.state ?? { fingerprint: "" };
    this.state = this.#known.state === undefined ? undefined : state;
  }

  stage(batch: Pick<ItemBatch, "records" | "deadLetters">, beginsPage?: boolean): Found {
    const found = this.#known.stage(batch, beginsPage);
    this.duplicates += batch.records.length - found.records.length;
    return found;
  }

  rollback(): void {
    // Nothing is going to be written anyway.
  }

  async commit({ found, state }: Part): Promise<void> {
    for (const { records, deadLetters } of found) this.#keep(records, deadLetters);
    this.state = state;
    await Promise.resolve();
  }

  #keep(records: Found["records"], deadLetters: Found["deadLetters"]): void {
    this.recordsTotal += records.length;
    this.deadLettersTotal += deadLetters.length;
    // A view would keep the whole answer.
    for (const record of records.slice(0, this.#most - this.records.length)) {
      this.records.push({ ...record, json: Buffer.from(record.json) });
    }
    this.deadLetters.push(...deadLetters.slice(0, this.#most - this.deadLetters.length));
  }
}
