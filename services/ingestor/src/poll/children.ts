import { createHash } from "node:crypto";
import { type LogReader, type LogRecord, type PartitionOffset } from "@apispool/kafka-log/log-reader.js";
import type { DeadLetter } from "../extract/page.js";
import { PollError, type PollErrorKind } from "../poll-error.js";
import { parseParentRecord } from "./parent-record.js";
import { type PollOptions, type PollOutcome, poll } from "./poll.js";
import { type ParentItem, type PollState, idsToRemember } from "./poll-state.js";

/** So many bytes of the parent's log are taken at a time. */
const MAX_BYTES = 256 * 1024;
/** Requests for so many parent's records in a row that failed as if the API itself were failing. */
const SUSPICIOUS = 3;

/** Failures that say nothing about the one record that was asked for: whoever asks next would fare the same. */
const general: ReadonlySet<PollErrorKind> = new Set(["unauthorized", "throttled", "network", "tls"]);
/** Failures that may be the record's or the API's. */
const doubtful: ReadonlySet<PollErrorKind> = new Set(["server", "timeout", "forbidden"]);

export interface ParentOptions {
  readonly log: LogReader;
  /** The parent's records topic. */
  readonly topic: string;
  readonly parent: string;
  readonly partitions: () => Promise<readonly number[]>;
}

/**
 * Polls a child: one walk over pages for each record of the parent, in the order in which they were written. How far the
 * parent has been read is kept with the child's records, and moves with them. A record whose requests keep failing goes
 * to the dead letters; where everything fails, the API is taken to be down, and nothing is passed over.
 */
export class Children {
  readonly #options: ParentOptions;
  /** Of the record that is being asked for. */
  #tries = 0;
  #tried = "";
  /** Records in a row that were given up for a failure that may have been the API's. */
  #givenUp = 0;

  constructor(options: ParentOptions) {
    this.#options = options;
  }

  /** Goes through what is new in the parent's log, to its end or until the most pages are read. */
  readonly poll = async (options: PollOptions): Promise<PollOutcome> => {
    const { sink, config, signal, maxPages = Number.POSITIVE_INFINITY } = options;
    const total = { notModified: false, pages: 0, written: 0, items: 0, more: false, freshForMs: 0 };
    for (;;) {
      const known = sink.state?.fingerprint === config.fingerprint ? sink.state : undefined;
      const { records, ends } = await this.#fetch(known?.parent ?? {}, signal);
      for (const { partition, record } of records) {
        signal.throwIfAborted();
        if (total.pages >= maxPages) return { ...total, more: true };
        const done = await this.#one(options, partition, record);
        total.pages += done?.pages ?? 0;
        total.written += done?.written ?? 0;
        total.items += done?.items ?? 0;
      }
      if (records.length > 0) continue;
      // What was passed over without a record to write it with gets written now and then.
      const parent = { ...known?.parent, ...ends };
      await sink.commit({ found: [], state: { ...known, fingerprint: config.fingerprint, parent } });
      return total;
    }
  };

  async #one(options: PollOptions, partition: number, record: LogRecord): Promise<PollOutcome | undefined> {
    const { sink, config } = options;
    const item: ParentItem = { partition, offset: record.offset };
    const known = sink.state?.fingerprint === config.fingerprint ? sink.state : undefined;
    const after = { ...known?.parent, [partition]: record.offset + 1 };
    const items = known === undefined ? 0 : idsToRemember(known);
    const done: PollState = { fingerprint: config.fingerprint, items, parent: after };
    if (record.value === null) {
      await sink.commit({ found: [], state: done });
      return undefined;
    }
    try {
      let outcome: PollOutcome;
      do {
        outcome = await poll({ ...options, parent: { item, record: parsed(record.value), after } });
      } while (sink.state?.progress !== undefined && options.maxPages === undefined);
      this.#tries = 0;
      this.#givenUp = 0;
      return outcome;
    } catch (error) {
      if (!(error instanceof PollError) || !this.#givesUp(item, error, config.retry.maxAttempts)) throw error;
      const letter = this.#deadLetter(record.value, item, error);
      await sink.commit({ found: [sink.stage({ records: [], deadLetters: [letter] })], state: done });
      options.events?.onPart?.({ written: 0, bytes: 0, duplicates: 0, deadLetters: [letter] });
      return undefined;
    }
  }

  /** Whether a record has failed often enough, and the failure is its own. */
  #givesUp(item: ParentItem, { kind }: PollError, maxAttempts: number): boolean {
    const name = `${item.partition}/${item.offset}`;
    this.#tries = this.#tried === name ? this.#tries + 1 : 1;
    this.#tried = name;
    if (general.has(kind) || this.#tries < maxAttempts) return false;
    if (!doubtful.has(kind)) return true;
    if (this.#givenUp >= SUSPICIOUS) return false;
    this.#givenUp += 1;
    return true;
  }

  #deadLetter(raw: Buffer, { partition, offset }: ParentItem, error: PollError): DeadLetter {
    const { parent } = this.#options;
    const hash = createHash("sha256").update(raw).update(`${partition}/${offset}`).digest("hex").slice(0, 32);
    const place = `record ${offset} of partition ${partition} of the parent ${parent}`;
    return { raw, hash, place, reason: `after ${this.#tries} tries: ${error.message}` };
  }

  async #fetch(
    parent: Readonly<Record<string, number>>,
    signal: AbortSignal,
  ): Promise<{
    readonly records: readonly { readonly partition: number; readonly record: LogRecord }[];
    readonly ends: Readonly<Record<string, number>>;
  }> {
    const { log, topic, partitions } = this.#options;
    const positions = (await partitions()).map((partition): PartitionOffset => ({
      topic,
      partition,
      offset: parent[partition] ?? 0,
    }));
    const answers = await log.fetch(positions, {
      maxBytes: MAX_BYTES,
      maxBytesPerPartition: MAX_BYTES,
      maxWaitMs: 0,
      signal,
    });
    return {
      records: answers.flatMap(({ partition, records }) => records.map((record) => ({ partition, record }))),
      // Markers and what is gone for good are passed over.
      ends: Object.fromEntries(
        answers
          .filter(({ records, nextOffset }) => records.length === 0 && nextOffset > 0)
          .map(({ partition, nextOffset }) => [partition, nextOffset]),
      ),
    };
  }
}

function parsed(value: Buffer): unknown {
  try {
    return parseParentRecord(value);
  } catch {
    return undefined;
  }
}
