import { createHash } from "node:crypto";
import { traced } from "@apispool/common/tracing.js";
import type { ItemBatch, Page, ResumeAt } from "../extract/page.js";
import { ResumeMismatch } from "../extract/resume-mismatch.js";
import { conditionalHeaders, freshForMs, validatorsOf } from "../http/conditional.js";
import type { HttpRequest, HttpResponse } from "../http/http-client.js";
import { withRetries } from "../http/retry.js";
import type { PageToken, Paginator } from "../paging/paginator.js";
import { PollError } from "../poll-error.js";
import type { PollOptions } from "./poll.js";
import type { FirstPage, PollValues } from "./poll-state.js";
import { renderRequest } from "./request.js";

/** Where a poll begins to read. */
export interface ReadFrom {
  readonly values: PollValues;
  readonly token: PageToken;
  readonly resume: ResumeAt | undefined;
  /** Pages that are done. */
  readonly pages: number;
  /** What is known of the first page, where it may be asked for conditionally. */
  readonly first: FirstPage | undefined;
}

/** What was read of a page: a piece of a large one, or the rest of it. */
export interface PageChunk {
  readonly batches: readonly ItemBatch[];
  /** Records and dead letters in them. */
  readonly items: number;
  /** Of the records' JSON. */
  readonly bytes: number;
  /** Comes with the rest. */
  readonly end?: PageEnd;
}

export interface PageEnd {
  /** The API answered that nothing has changed. */
  readonly notModified: boolean;
  /** On the page, dead letters and filtered ones included. */
  readonly items: number;
  /** Of the first page only. */
  readonly first?: FirstPage;
  readonly next: PageToken | undefined;
  /** The error that says that the pages go round in a circle: what is in the page counts, where it leads to does not. */
  readonly circle?: unknown;
}

/** The most that is read ahead. Pages are counted too, however small they are: the API may be asked for them again. */
const AHEAD = { pages: 10, items: 5000, bytes: 8 * 1024 * 1024 };
/** A large page is handed over in pieces of so much. */
const PIECE = { items: 2500, bytes: 4 * 1024 * 1024 };

/** Whether no more is to be read ahead. */
export function isFarAhead(ready: readonly PageChunk[]): boolean {
  const sum = (of: (chunk: PageChunk) => number): number => ready.reduce((total, chunk) => total + of(chunk), 0);
  if (ready.length >= AHEAD.pages) return true;
  return sum(({ items }) => items) >= AHEAD.items || sum(({ bytes }) => bytes) >= AHEAD.bytes;
}

/**
 * Asks for page after page and takes them apart. What is known of the log plays no part in it, nor whether anything is
 * written: so it may go ahead of the writing.
 */
export class PageReader {
  readonly #options: PollOptions;
  readonly #maxPages: number;
  readonly #paginator: Paginator;
  readonly #from: ReadFrom;
  #token: PageToken;
  #resume: ResumeAt | undefined;
  /** Hash of the first page's request. */
  #question = "";
  #probes: boolean;
  #freshForMs = 0;

  constructor(options: PollOptions, from: ReadFrom) {
    this.#options = options;
    this.#maxPages = options.maxPages ?? options.config.pagination.maxPages;
    this.#paginator = options.parts.newPaginator();
    this.#probes = options.probe === true;
    this.#from = from;
    this.#token = from.token;
    this.#resume = from.resume;
  }

  /** How long the API says that the first page stays as it is, in milliseconds. */
  get freshForMs(): number {
    return this.#freshForMs;
  }

  /** To the last page, the most pages, or an error; the signal ends it with its reason. */
  async *chunks(signal: AbortSignal): AsyncGenerator<PageChunk> {
    const { now, events } = this.#options;
    for (let pages = 1; ; pages += 1) {
      signal.throwIfAborted();
      events?.onPage?.(this.#from.pages + pages);
      const isFirst = this.#token === null && this.#resume === undefined;
      const response = await this.#fetch(isFirst, signal);
      if (isFirst) this.#freshForMs = freshForMs(response.headers, now());
      if (response.status === 304) {
        // Read to its end, which is at once: a body that is destroyed takes its connection with it.
        response.body.on("error", () => undefined).resume();
        yield { batches: [], items: 0, bytes: 0, end: { notModified: true, items: 0, next: undefined } };
        return;
      }
      try {
        const { next } = yield* this.#page(response, signal);
        if (next === undefined || pages >= this.#maxPages) return;
        this.#token = next;
      } catch (error) {
        if (!(error instanceof ResumeMismatch)) throw error;
        // Another page than the one that was begun: it is asked for again, and read from its beginning.
        pages -= 1;
      }
      this.#resume = undefined;
    }
  }

  async #fetch(isFirst: boolean, signal: AbortSignal): Promise<HttpResponse> {
    const { config, parts, parent, events } = this.#options;
    const { cursor, lastPoll, now } = this.#from.values;
    const template = { cursor, lastPoll, now, parent: parent?.record };
    const request = renderRequest(config.request, template, this.#paginator.patch(this.#token));
    if (this.#token === null) this.#question = questionOf(request);
    const conditional = { ...request, headers: { ...request.headers, ...(isFirst ? this.#conditions() : {}) } };
    const retry = this.#probes ? { ...config.retry, maxAttempts: 1 } : config.retry;
    try {
      const response = await withRetries(retry, async () => this.#send(conditional, signal), signal, {
        budget: parts.budget,
        ...(events?.onRetry === undefined ? {} : { onRetry: events.onRetry }),
      });
      this.#probes = false;
      events?.onAnswer?.(response.status);
      return response;
    } catch (error) {
      if (error instanceof PollError && error.httpStatus !== undefined) events?.onAnswer?.(error.httpStatus);
      throw error;
    }
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { config, parts, trace } = this.#options;
    if (trace === undefined) return await parts.http.send(request, signal);
    const span = trace.request(request.method, config.request.shownUrl);
    return await traced(span, async () => {
      try {
        const traced = { ...request, headers: { ...request.headers, ...trace.headersFor(span) } };
        const response = await parts.http.send(traced, signal);
        span.set({ "http.response.status_code": response.status });
        return response;
      } catch (error) {
        if (error instanceof PollError && error.httpStatus !== undefined)
          span.set({ "http.response.status_code": error.httpStatus });
        throw error;
      }
    });
  }

  async *#page(response: HttpResponse, signal: AbortSignal): AsyncGenerator<PageChunk, PageEnd> {
    let whole = false;
    try {
      const page = await this.#options.parts.openPage(response, this.#resume);
      let batches: ItemBatch[] = [];
      let [items, bytes, itemsDone] = [0, 0, 0];
      for await (const batch of page.batches) {
        signal.throwIfAborted();
        batches.push(batch);
        itemsDone = batch.itemsDone;
        items += batch.records.length + batch.deadLetters.length;
        for (const { json } of batch.records) bytes += json.length;
        if (items < PIECE.items && bytes < PIECE.bytes) continue;
        yield { batches, items, bytes };
        batches = [];
        items = bytes = 0;
      }
      whole = true;
      signal.throwIfAborted();
      const end = this.#end(response, page, itemsDone);
      yield { batches, items, bytes, end };
      return end;
    } finally {
      if (!whole) response.body.destroy();
    }
  }

  #end(response: HttpResponse, page: Page, items: number): PageEnd {
    const token = this.#token;
    const hash = page.hash();
    const first: { first?: FirstPage } =
      token === null ? { first: { question: this.#question, validators: validatorsOf(response.headers), hash } } : {};
    try {
      const next = this.#paginator.next({ token, response, document: page.document(), items, hash });
      return { notModified: false, items, ...first, next };
    } catch (circle) {
      return { notModified: false, items, ...first, next: undefined, circle };
    }
  }

  /** Only the same question may be asked conditionally. */
  #conditions(): Readonly<Record<string, string>> {
    const { first } = this.#from;
    return first === undefined || first.question !== this.#question ? {} : conditionalHeaders(first.validators);
  }
}

function questionOf({ method, url, body }: HttpRequest): string {
  const hash = createHash("sha256").update(`${method} ${url}\n`);
  if (body !== undefined) hash.update(body);
  return hash.digest("hex").slice(0, 16);
}
