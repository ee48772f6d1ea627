import type { ItemBatch } from "../extract/page.js";
import type { Found } from "./poll-sink.js";

/** The most that one transaction holds. */
const MOST_RECORDS = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** What is read and new, until it is enough for a transaction. */
export class PartInProgress {
  #found: Found[] = [];
  #items = 0;
  #bytes = 0;
  #written = 0;
  #duplicates = 0;

  add(batch: ItemBatch, found: Found): void {
    const { records, deadLetters } = found;
    this.#duplicates += batch.records.length - records.length;
    this.#written += records.length;
    this.#items += records.length + deadLetters.length;
    for (const { json } of records) this.#bytes += json.length;
    if (records.length > 0 || deadLetters.length > 0) this.#found.push(found);
  }

  get full(): boolean {
    return this.#items >= MOST_RECORDS || this.#bytes >= MOST_BYTES;
  }

  /** `bytes`: of the JSON of the records. */
  taken(): {
    readonly found: readonly Found[];
    readonly written: number;
    readonly bytes: number;
    readonly duplicates: number;
  } {
    const taken = { found: this.#found, written: this.#written, bytes: this.#bytes, duplicates: this.#duplicates };
    this.#found = [];
    this.#items = this.#bytes = this.#written = this.#duplicates = 0;
    return taken;
  }
}
