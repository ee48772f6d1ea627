import { createHash, randomUUID } from "node:crypto";
import type { SourceConfig } from "../config/source-config.js";
import type { ItemBatch } from "../extract/page.js";
import { ResumeMismatch } from "../extract/resume-mismatch.js";
import { conditionalHeaders, freshForMs, validatorsOf } from "../http/conditional.js";
import type { HttpRequest, HttpResponse } from "../http/http-client.js";
import { withRetries } from "../http/retry.js";
import type { HighWater } from "../paging/high-water.js";
import type { PageToken } from "../paging/paginator.js";
import { PollError } from "../poll-error.js";
import type { Found, PollSink } from "./poll-sink.js";
import { type FirstPage, type ParentItem, type PollState, type Progress, idsToRemember } from "./poll-state.js";
import { renderRequest } from "./request.js";
import type { SourceParts } from "./source-parts.js";

/** The most that one transaction holds. */
const RECORDS_PER_PART = 10_000;
const BYTES_PER_PART = 16 * 1024 * 1024;

/** What happens while a poll goes on. */
export interface PollEvents {
  /** An answer has come. */
  onAnswer?: (status: number) => void;
  /** Something has been looked at, and written where it was new. */
  onPart?: (counts: PartCounts) => void;
  /** A page begins; from 1. */
  onPage?: (page: number) => void;
  /** A request has failed, and is made again after so many milliseconds. */
  onRetry?: (error: PollError, waitMs: number) => void;
}

export interface PartCounts {
  readonly written: number;
  readonly duplicates: number;
  readonly deadLetters: Found["deadLetters"];
}

export interface PollOptions {
  readonly config: SourceConfig;
  readonly parts: SourceParts;
  readonly sink: PollSink;
  readonly signal: AbortSignal;
  /** Wall clock, in milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly events?: PollEvents;
  /** What a child's requests are made for. */
  readonly parent?: { readonly item: ParentItem; readonly record: unknown; readonly after: PollState["parent"] };
  /** The API has failed for long: the first request is not repeated where it fails again. */
  readonly probe?: boolean;
  /** The most pages; the configured number unless given. */
  readonly maxPages?: number;
}

export interface PollOutcome {
  /** The API answered that nothing has changed. */
  readonly notModified: boolean;
  readonly pages: number;
  readonly written: number;
  readonly items: number;
  /** There is more to be had at once: pages are left, or the page was full. */
  readonly more: boolean;
  /** How long the API says that its answer stays as it is, in milliseconds. */
  readonly freshForMs: number;
}

/** What one page brought. */
interface PageOutcome {
  readonly next: PageToken | undefined;
  readonly items: number;
  readonly written: number;
  readonly full: boolean;
}

/**
 * One poll: page after page until there is none, the most pages have been read, or the signal fires. Each page is
 * fetched first and then written, in parts where it is large, together with where to go on: a poll that ends in the
 * middle, for whatever reason, is gone on with where it ended.
 */
export async function poll(options: PollOptions): Promise<PollOutcome> {
  const { config, signal, events } = options;
  const maxPages = options.maxPages ?? config.pagination.maxPages;
  const walk = new Walk(options);
  let freshFor = 0;
  let written = 0;
  let items = 0;
  for (let pages = 1; ; pages += 1) {
    signal.throwIfAborted();
    events?.onPage?.(walk.progress.pages + 1);
    const first = walk.atStart;
    const response = await walk.fetch();
    if (first) freshFor = freshForMs(response.headers, options.now());
    if (response.status === 304) {
      // Read to its end, which is at once: a body that is destroyed takes its connection with it.
      response.body.on("error", () => undefined).resume();
      return { notModified: true, pages, written, items, more: false, freshForMs: freshFor };
    }
    let page: PageOutcome;
    try {
      page = await walk.take(response);
    } catch (error) {
      response.body.destroy();
      options.sink.rollback();
      if (!(error instanceof ResumeMismatch)) throw error;
      walk.readWhole();
      pages -= 1;
      continue;
    }
    written += page.written;
    items += page.items;
    if (page.next === undefined) {
      return { notModified: false, pages, written, items, more: page.full, freshForMs: page.full ? 0 : freshFor };
    }
    if (pages >= maxPages) return { notModified: false, pages, written, items, more: true, freshForMs: 0 };
  }
}

/** Where a poll stands, and its next step. */
class Walk {
  readonly #options: PollOptions;
  readonly #paginator;
  readonly #before: PollState;
  /** Whether the place is from an earlier poll or process, so that the API may not know it any more. */
  #resumed: boolean;
  /** Hash of the first page's request. */
  #question = "";
  readonly #highWater: HighWater | undefined;
  #probes: boolean;
  progress: Progress;

  constructor(options: PollOptions) {
    const { config, parts, sink, parent, now } = options;
    this.#options = options;
    this.#probes = options.probe === true;
    this.#paginator = parts.newPaginator();
    const known = sink.state;
    this.#before = known?.fingerprint === config.fingerprint ? known : anotherQuestion(known, config.fingerprint);
    const { progress } = this.#before;
    const goesOn =
      progress !== undefined &&
      progress.item?.partition === parent?.item.partition &&
      progress.item?.offset === parent?.item.offset;
    this.#resumed = goesOn;
    this.progress = goesOn ? progress : this.#begin(now());
    this.#highWater = parent === undefined ? parts.newHighWater?.(this.progress.highWater) : undefined;
  }

  get atStart(): boolean {
    return this.progress.token === null && this.progress.resume === undefined;
  }

  async fetch(): Promise<HttpResponse> {
    const { config, parts, signal, parent, events } = this.#options;
    const { values, token } = this.progress;
    const template = {
      cursor: values.cursor,
      lastPoll: values.lastPoll,
      now: values.now,
      parent: parent?.record,
    };
    const request = renderRequest(config.request, template, this.#paginator.patch(token));
    if (token === null) this.#question = questionOf(request);
    const conditional = { ...request, headers: { ...request.headers, ...this.#conditions() } };
    const retry = this.#probes ? { ...config.retry, maxAttempts: 1 } : config.retry;
    try {
      const response = await withRetries(retry, async () => parts.http.send(conditional, signal), signal, {
        budget: parts.budget,
        ...(events?.onRetry === undefined ? {} : { onRetry: events.onRetry }),
      });
      this.#probes = false;
      events?.onAnswer?.(response.status);
      return response;
    } catch (error) {
      if (error instanceof PollError && error.httpStatus !== undefined) events?.onAnswer?.(error.httpStatus);
      await this.#forgetPlace(error);
      throw error;
    }
  }

  /** The page is another one than the one that was begun: it is asked for again, and read from its beginning. */
  readWhole(): void {
    const { resume: _other, ...progress } = this.progress;
    this.progress = progress;
  }

  /** Reads a page and writes what is new of it. */
  async take(response: HttpResponse): Promise<PageOutcome> {
    const { config, parts, sink, signal } = this.#options;
    const page = await parts.openPage(response, this.progress.resume);
    const part = new PartInProgress();
    let newRecords = 0;
    let newLetters = 0;
    for await (const batch of page.batches) {
      signal.throwIfAborted();
      const looked = batch.records.length + batch.deadLetters.length + batch.filtered;
      // An extractor may begin again on its own, so where it goes on is not known before.
      const found = sink.stage(batch, batch.itemsDone === looked);
      newRecords += found.records.length;
      newLetters += found.deadLetters.length;
      part.add(batch, found);
      this.progress = { ...this.progress, items: (this.progress.items ?? 0) + batch.records.length };
      this.#raise(batch);
      if (part.full) {
        const { itemsDone, rolling } = batch;
        this.progress = { ...this.progress, resume: { itemsDone, rolling } };
        await this.#commit(part, { ...this.#before, progress: this.progress });
      }
    }
    signal.throwIfAborted();
    const items = part.itemsDone;
    const { token, first } = this.progress;
    if (token === null) this.progress = { ...this.progress, first: firstPage(response, page.hash(), this.#question) };
    let next: PageToken | undefined;
    let circle: unknown;
    try {
      const seen = { token, response, document: page.document(), items, hash: page.hash() };
      next = this.#paginator.next(seen);
    } catch (error) {
      // What is in the page counts; where it leads to does not.
      circle = error;
    }
    const { resume: _done, ...progress } = this.progress;
    this.#resumed = false;
    if (circle !== undefined) {
      this.progress = first === undefined ? progress : { ...progress, first };
      const { progress: _given, ...start } = this.#before;
      await this.#commit(part, { ...start, items: idsToRemember({ ...start, progress }) });
      throw circle;
    }
    if (next === undefined) {
      await this.#commit(part, this.#finished(progress));
    } else {
      this.progress = { ...progress, token: next, pages: progress.pages + 1 };
      await this.#commit(part, { ...this.#before, progress: this.progress });
    }
    const pageSize =
      config.pagination.type === "page"
        ? config.pagination.size
        : config.pagination.type === "offset"
          ? config.pagination.limit
          : undefined;
    const allNew = items > 0 && newRecords + newLetters >= items;
    const full =
      pageSize === undefined ? allNew && parts.newHighWater !== undefined : items >= pageSize && newRecords > 0;
    return { next, items, written: newRecords, full };
  }

  async #commit(part: PartInProgress, state: PollState): Promise<void> {
    const { sink, events } = this.#options;
    const { records, deadLetters, duplicates } = part.taken();
    // Nothing of a page counts before all of it that is new is in the log.
    await sink.commit({ records, deadLetters, state });
    events?.onPart?.({ written: records.length, duplicates, deadLetters });
  }

  #finished(progress: Omit<Progress, "resume">): PollState {
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

  /** Only the same question may be asked conditionally, and only where the answer to it has been read to its end. */
  #conditions(): Readonly<Record<string, string>> {
    const { first, progress } = this.#before;
    if (!this.atStart || progress !== undefined || first === undefined || first.question !== this.#question) return {};
    return conditionalHeaders(first.validators);
  }

  #raise(batch: ItemBatch): void {
    if (this.#highWater === undefined) return;
    for (const { cursor } of batch.records) this.#highWater.observe(cursor);
    const { value } = this.#highWater;
    if (value !== undefined) this.progress = { ...this.progress, highWater: value };
  }

  /**
   * A cursor of yesterday may have expired. Where the API refuses the place to go on at, the next poll begins at the
   * first page again, with the values that this one began with, so that nothing between is passed over.
   */
  async #forgetPlace(error: unknown): Promise<void> {
    if (!this.#resumed || this.atStart || !(error instanceof PollError)) return;
    if (error.kind !== "rejected" && error.kind !== "not-found") return;
    const { poll: name, values, items = 0, item } = this.progress;
    const place = { token: null, pages: 0, items };
    const again: Progress = { poll: name, values, ...place, ...(item === undefined ? {} : { item }) };
    const state = { ...this.#before, progress: again };
    await this.#options.sink.commit({ records: [], deadLetters: [], state }).catch(() => undefined);
  }
}

/** What is read and new, until it is enough for a transaction. */
class PartInProgress {
  #records: Found["records"][number][] = [];
  #deadLetters: Found["deadLetters"][number][] = [];
  #bytes = 0;
  #duplicates = 0;
  itemsDone = 0;

  add(batch: ItemBatch, found: Found): void {
    this.itemsDone = batch.itemsDone;
    this.#duplicates += batch.records.length - found.records.length;
    for (const record of found.records) {
      this.#records.push(record);
      this.#bytes += record.json.length;
    }
    this.#deadLetters.push(...found.deadLetters);
  }

  get full(): boolean {
    return this.#records.length + this.#deadLetters.length >= RECORDS_PER_PART || this.#bytes >= BYTES_PER_PART;
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

/** Nothing that was found out for another question counts, but its records are in the log all the same. */
function anotherQuestion(known: PollState | undefined, fingerprint: string): PollState {
  return known === undefined ? { fingerprint } : { fingerprint, items: idsToRemember(known) };
}

function questionOf({ method, url, body }: HttpRequest): string {
  const hash = createHash("sha256").update(`${method} ${url}\n`);
  if (body !== undefined) hash.update(body);
  return hash.digest("hex").slice(0, 16);
}

function firstPage(response: HttpResponse, hash: string, question: string): FirstPage {
  return { question, validators: validatorsOf(response.headers), hash };
}
