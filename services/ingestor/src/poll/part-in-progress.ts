import type { ItemBatch } from "../extract/page.js";
import type { Found } from "./poll-sink.js";

/** The most that one transaction holds, and that is read ahead of one. */
const MOST_RECORDS = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** Whether so much is enough for a transaction. */
export function isEnough(records: number, bytes: number): boolean {
  return records >= MOST_RECORDS || bytes >= MOST_BYTES;
}

/** What is read and new, until it is enough for a transaction. */
export class PartInProgress {
  #records: Found["records"][number][] = [];
  #deadLetters: Found["deadLetters"][number][] = [];
  #bytes = 0;
  #duplicates = 0;

  add(batch: ItemBatch, found: Found): void {
    this.#duplicates += batch.records.length - found.records.length;
    for (const record of found.records) {
      this.#records.push(record);
      this.#bytes += record.json.length;
    }
    this.#deadLetters.push(...found.deadLetters);
  }

  get full(): boolean {
    return isEnough(this.#records.length + this.#deadLetters.length, this.#bytes);
  }

  taken(): Found & { duplicates: number } {
    const taken = { records: this.#records, deadLetters: this.#deadLetters, duplicates: this.#duplicates };
    this.#records = [];
    this.#deadLetters = [];
    this.#bytes = 0;
    this.#duplicates = 0;
    return taken;
  }
}
