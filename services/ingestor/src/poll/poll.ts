import type { SourceConfig } from "../config/source-config.js";
import type { PollError } from "../poll-error.js";
import type { PollTrace } from "../telemetry/poll-trace.js";
import { PageReader, isFarAhead } from "./page-reader.js";
import { PageWriter } from "./page-writer.js";
import type { Found, PollSink } from "./poll-sink.js";
import type { ParentItem, PollState } from "./poll-state.js";
import { readAhead } from "./read-ahead.js";
import type { SourceParts } from "./source-parts.js";

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
  /** Of the JSON of the records written. */
  readonly bytes: number;
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
  readonly trace?: PollTrace | undefined;
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

/**
 * One poll: page after page until there is none, the most pages have been read, or the signal fires. Pages are written
 * together with where to go on: a poll that ends in the middle, for whatever reason, is gone on with where it ended.
 *
 * While something is written, what comes next is read, and written when its turn comes: a failure to write drops it, and a
 * failure to read is told when all before it is in the log. Pages that Kafka is slower to take than the API to give share
 * transactions.
 */
export async function poll(options: PollOptions): Promise<PollOutcome> {
  const { sink, signal } = options;
  const writer = new PageWriter(options);
  const reader = new PageReader(options, writer.from);
  try {
    for await (const ready of readAhead((until) => reader.chunks(until), isFarAhead, signal)) {
      await writer.write(ready);
    }
  } catch (error) {
    sink.rollback();
    await writer.forgetPlace(error);
    throw error;
  }
  return { ...writer.written, freshForMs: writer.written.more ? 0 : reader.freshForMs };
}
