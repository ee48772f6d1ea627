import { randomUUID } from "node:crypto";
import type { SourceConfig } from "../config/source-config.js";
import type { ItemBatch } from "../extract/page.js";
import type { HighWater } from "../paging/high-water.js";
import { PollError } from "../poll-error.js";
import type { PageChunk, PageEnd, ReadFrom } from "./page-reader.js";
import { PartInProgress } from "./part-in-progress.js";
import type { PollOptions } from "./poll.js";
import { type PollState, type Progress, idsToRemember } from "./poll-state.js";

/** What of a poll is in the log. */
export interface WrittenPages {
  readonly notModified: boolean;
  readonly pages: number;
  readonly written: number;
  readonly items: number;
  /** There is more to be had at once: the last page leads on, or was full. */
  readonly more: boolean;
}

/**
 * Writes what is new of the pages that were read, together with where to go on behind it: pages that are ready at the same
 * time in one transaction, and a page that is too large for one in several.
 */
export class PageWriter {
  readonly #options: PollOptions;
  readonly #before: PollState;
  readonly #highWater: HighWater | undefined;
  /** Whether the place is from an earlier poll or process, so that the API may not know it any more. */
  #resumed: boolean;
  #progress: Progress;
  readonly #part = new PartInProgress();
  /** Where the poll stands behind the last page that is staged and not written. */
  #staged: PollState | undefined;
  /** Of the page that is under way. */
  #newRecords = 0;
  #newLetters = 0;
  #written: WrittenPages = { notModified: false, pages: 0, written: 0, items: 0, more: true };

  constructor(options: PollOptions) {
    const { config, parts, sink, parent, now } = options;
    this.#options = options;
    const known = sink.state;
    this.#before = known?.fingerprint === config.fingerprint ? known : anotherQuestion(known, config.fingerprint);
    const { progress } = this.#before;
    const goesOn =
      progress !== undefined &&
      progress.item?.partition === parent?.item.partition &&
      progress.item?.offset === parent?.item.offset;
    this.#resumed = goesOn;
    this.#progress = goesOn ? progress : this.#begin(now());
    this.#highWater = parent === undefined ? parts.newHighWater?.(this.#progress.highWater) : undefined;
  }

  /** Where the poll begins. Conditionally only where the answer before was read to its end. */
  get from(): ReadFrom {
    const { values, token, resume, pages } = this.#progress;
    const first = this.#before.progress === undefined ? this.#before.first : undefined;
    return { values, token, resume, pages, first };
  }

  get written(): WrittenPages {
    return this.#written;
  }

  /** Writes what is ready, of one page or of several; the signal keeps it from beginning. */
  async write(ready: readonly PageChunk[]): Promise<void> {
    for (const { batches, end } of ready) {
      // The rest of this page is not here yet, and what is staged must not have to wait for it.
      if (end === undefined) await this.#writeStaged();
      for (const batch of batches) await this.#take(batch);
      if (end !== undefined) await this.#end(end);
    }
    await this.#writeStaged();
  }

  /**
   * A cursor of yesterday may have expired. Where the API refuses the place to go on at, the next poll begins at the
   * first page again, with the values that this one began with, so that nothing between is passed over.
   */
  async forgetPlace(error: unknown): Promise<void> {
    const { poll: name, values, items = 0, item, token, resume } = this.#progress;
    if (!this.#resumed || (token === null && resume === undefined) || !(error instanceof PollError)) return;
    if (error.kind !== "rejected" && error.kind !== "not-found") return;
    const place = { token: null, pages: 0, items };
    const again: Progress = { poll: name, values, ...place, ...(item === undefined ? {} : { item }) };
    const state = { ...this.#before, progress: again };
    await this.#options.sink.commit({ found: [], state }).catch(() => undefined);
  }

  async #take(batch: ItemBatch): Promise<void> {
    this.#options.signal.throwIfAborted();
    const looked = batch.records.length + batch.deadLetters.length + batch.filtered;
    // An extractor may begin again on its own, so where it goes on is not known before.
    const found = this.#options.sink.stage(batch, batch.itemsDone === looked);
    this.#newRecords += found.records.length;
    this.#newLetters += found.deadLetters.length;
    this.#part.add(batch, found);
    this.#progress = { ...this.#progress, items: (this.#progress.items ?? 0) + batch.records.length };
    this.#raise(batch);
    if (!this.#part.full) return;
    const { itemsDone, rolling } = batch;
    this.#progress = { ...this.#progress, resume: { itemsDone, rolling } };
    await this.#commit({ ...this.#before, progress: this.#progress });
  }

  async #end(end: PageEnd): Promise<void> {
    this.#resumed = false;
    const { pages, written, items } = this.#written;
    this.#written = {
      notModified: end.notModified,
      pages: pages + 1,
      written: written + this.#newRecords,
      items: items + end.items,
      more: end.next !== undefined || this.#isFull(end.items),
    };
    this.#newRecords = this.#newLetters = 0;
    if (end.notModified) return;
    this.#staged = this.#after(end);
    if (end.circle === undefined) return;
    await this.#writeStaged();
    throw end.circle;
  }

  async #writeStaged(): Promise<void> {
    if (this.#staged === undefined) return;
    this.#options.signal.throwIfAborted();
    await this.#commit(this.#staged);
  }

  #raise(batch: ItemBatch): void {
    if (this.#highWater === undefined) return;
    for (const { cursor } of batch.records) this.#highWater.observe(cursor);
    const { value } = this.#highWater;
    if (value !== undefined) this.#progress = { ...this.#progress, highWater: value };
  }

  async #commit(state: PollState): Promise<void> {
    const { sink, events } = this.#options;
    const { found, written, bytes, duplicates } = this.#part.taken();
    this.#staged = undefined;
    // Nothing of a page counts before all of it that is new is in the log.
    await sink.commit({ found, state, trace: this.#options.trace });
    events?.onPart?.({ written, bytes, duplicates, deadLetters: found.flatMap(({ deadLetters }) => deadLetters) });
  }

  /** Where the poll stands behind a page. */
  #after({ first, next, circle }: PageEnd): PollState {
    const { resume: _done, ...done } = this.#progress;
    const progress = first === undefined ? done : { ...done, first };
    if (circle !== undefined) {
      const { progress: _given, ...start } = this.#before;
      return { ...start, items: idsToRemember({ ...start, progress }) };
    }
    if (next === undefined) return this.#finished(progress);
    this.#progress = { ...progress, token: next, pages: progress.pages + 1 };
    return { ...this.#before, progress: this.#progress };
  }

  #finished(progress: Progress): PollState {
    const { config, parent } = this.#options;
    const { first } = progress;
    const highWater = parent === undefined ? progress.highWater : undefined;
    return {
      fingerprint: config.fingerprint,
      items: progress.items ?? 0,
      ...(first === undefined || parent !== undefined ? {} : { first }),
      ...(highWater === undefined ? {} : { highWater }),
      ...(parent === undefined ? { lastPollAt: progress.values.now } : {}),
      ...(parent?.after === undefined ? {} : { parent: parent.after }),
    };
  }

  #isFull(items: number): boolean {
    const { config, parts } = this.#options;
    const size = pageSizeOf(config.pagination);
    if (size !== undefined) return items >= size && this.#newRecords > 0;
    return parts.newHighWater !== undefined && items > 0 && this.#newRecords + this.#newLetters >= items;
  }

  #begin(now: number): Progress {
    const { parts, parent } = this.#options;
    const { highWater, lastPollAt } = this.#before;
    const cursor = parts.newHighWater?.(parent === undefined ? highWater : undefined).next(now);
    return {
      poll: randomUUID().slice(0, 8),
      values: {
        now,
        ...(cursor === undefined ? {} : { cursor }),
        ...(lastPollAt === undefined ? {} : { lastPoll: lastPollAt }),
      },
      token: null,
      pages: 0,
      items: 0,
      ...(highWater === undefined ? {} : { highWater }),
      ...(parent === undefined ? {} : { item: parent.item }),
    };
  }
}

function pageSizeOf(pagination: SourceConfig["pagination"]): number | undefined {
  if (pagination.type === "page") return pagination.size;
  return pagination.type === "offset" ? pagination.limit : undefined;
}

/** Nothing that was found out for another question counts, but its records are in the log all the same. */
function anotherQuestion(known: PollState | undefined, fingerprint: string): PollState {
  return known === undefined ? { fingerprint } : { fingerprint, items: idsToRemember(known) };
}
