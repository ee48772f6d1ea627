import { RunningHash } from "./content-hash.js";
import type { DeadLetter, ExtractedRecord, ItemBatch, ResumeAt } from "./page.js";
import type { RawItem } from "./raw-item.js";
import type { RecordMaker } from "./record-maker.js";
import { ResumeMismatch } from "./resume-mismatch.js";

/** What one transaction takes well. */
const MOST_ITEMS = 1000;
const MOST_BYTES = 1_000_000;

/** Items as they come: those of one piece of the body at a time. */
export type ItemGroups = AsyncIterable<Iterable<RawItem>> | Iterable<Iterable<RawItem>>;

/**
 * Makes batches of items. With `resume` the items that were written before are passed over, and known again by their
 * hash; throws {@link ResumeMismatch}, before the first batch, where they are others. After a resume there is at least
 * one batch, so that the number of the page's items is always told.
 */
export async function* toBatches(groups: ItemGroups, make: RecordMaker, resume?: ResumeAt): AsyncGenerator<ItemBatch> {
  const skip = resume?.itemsDone ?? 0;
  const rolling = new RunningHash();
  let itemsDone = 0;
  let batch = emptyBatch();
  let owed = skip > 0;
  const flush = (): ItemBatch => {
    const { records, deadLetters, filtered } = batch;
    batch = emptyBatch();
    owed = false;
    return { records, deadLetters, filtered, itemsDone, rolling: rolling.value() };
  };
  for await (const group of groups) {
    for (const item of group) {
      if (itemsDone < skip) {
        rolling.add(item.hash);
        itemsDone += 1;
        if (itemsDone === skip && rolling.value() !== resume?.rolling) throw new ResumeMismatch(skip);
        continue;
      }
      const made = make(item);
      const bytes = made.kind === "record" ? made.record.json.length : made.kind === "dead" ? item.raw.length : 0;
      if (batch.items >= MOST_ITEMS || (batch.items > 0 && batch.bytes + bytes > MOST_BYTES)) yield flush();
      rolling.add(item.hash);
      itemsDone += 1;
      batch.items += 1;
      batch.bytes += bytes;
      if (made.kind === "record") batch.records.push(made.record);
      else if (made.kind === "dead") batch.deadLetters.push(made.deadLetter);
      else batch.filtered += 1;
    }
  }
  if (itemsDone < skip) throw new ResumeMismatch(skip);
  if (batch.items > 0 || owed) yield flush();
}

interface OpenBatch {
  readonly records: ExtractedRecord[];
  readonly deadLetters: DeadLetter[];
  filtered: number;
  bytes: number;
  /** Filtered ones included. */
  items: number;
}

function emptyBatch(): OpenBatch {
  return { records: [], deadLetters: [], filtered: 0, bytes: 0, items: 0 };
}
