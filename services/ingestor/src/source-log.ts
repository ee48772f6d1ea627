import type { Kafka } from "kafkajs";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { SourceConfig } from "./config.js";
import { withDeadline } from "./deadline.js";
import { DedupWindow } from "./dedup-window.js";
import type { DeadLetter, ExtractedRecord } from "./json-records.js";
import { readTail } from "./log-tail.js";
import { type NumberedRecord, deadLetterMessage, inSends, partitionOf, recordMessage } from "./outgoing.js";
import { type Owner, type PageState, type SourceState, encodeState, readStates, recordsTotal } from "./source-state.js";
import { eventSource } from "./source-url.js";
import { type Send, TransactionalProducer, isFenced } from "./transactional-producer.js";

const RECORDS_PER_TRANSACTION = 10_000;
const DEAD_LETTER_WINDOW = 10_000;
const SETTLE_MS = 2000;

/** Thrown when another ingestor has taken the source over. */
export class TakenOverError extends Error {
  override readonly name = "TakenOverError";
  constructor(owner: Owner) {
    super(
      `another ingestor (process ${owner.pid} on ${owner.host}) has taken this source over; start it again here to take it back`,
    );
  }
}

/** One answer of the API, taken apart. */
export interface Page {
  readonly records: readonly ExtractedRecord[];
  readonly deadLetters: readonly DeadLetter[];
  /** Stored with the page's last record, so that it speaks only of a page that is in the log whole. */
  readonly state: PageState;
}

export interface PageOutcome {
  readonly written: number;
  /** Dropped because they had been written before, unchanged. */
  readonly duplicates: number;
  readonly deadLettered: number;
}

interface LogPosition {
  readonly partitions: number;
  readonly sequences: Map<number, number>;
  readonly seen: DedupWindow;
  readonly seenDeadLetters: DedupWindow;
}

export interface SourceLogOptions {
  readonly kafka: Kafka;
  readonly log: LogReader;
  readonly names: Names;
  readonly owner: Owner;
  readonly source: Pick<SourceConfig, "name" | "url" | "dedupWindow">;
}

/**
 * What Kafka holds of one source, and the only way to add to it: each record exactly once. After any error it is not
 * {@link ready}, and {@link acquire} finds out again what is in the log.
 */
export class SourceLog {
  readonly #options: SourceLogOptions;
  readonly #producer: TransactionalProducer;
  #claimed = false;
  #position: LogPosition | undefined;
  #page: PageState | undefined;
  #unsettled = false;
  #acquiring: Promise<void> = Promise.resolve();

  constructor(options: SourceLogOptions) {
    this.#options = options;
    this.#producer = new TransactionalProducer(options.kafka, options.names.transactionalId(options.source.name));
  }

  get ready(): boolean {
    return this.#producer.ready && this.#position !== undefined;
  }

  /** The newest page; its validators make the next request conditional. */
  get page(): PageState | undefined {
    return this.#page;
  }

  /** Records in the log, as far as is known here. */
  get recordsTotal(): number | undefined {
    return this.#position === undefined ? undefined : recordsTotal(Object.fromEntries(this.#position.sequences));
  }

  /**
   * Makes this process the source's one writer, and finds out what is in the log. In this order: shut out every other
   * writer, then read; what is read before could be overtaken. The first time it takes the source over from whoever has
   * it; later it throws {@link TakenOverError} where somebody else did that to this one.
   */
  async acquire(): Promise<void> {
    const acquiring = this.#acquire();
    this.#acquiring = acquiring.catch(() => undefined);
    await acquiring;
  }

  async #acquire(): Promise<void> {
    const { log, names, source, owner } = this.#options;
    this.#position = undefined;
    await this.#producer.fence();
    this.#unsettled = false;
    try {
      const { states, nextOffset } = await readStates(log, names.state);
      const state = states.get(source.name);
      this.#checkOwner(state);
      this.#producer.startAt(names.state, 0, nextOffset);
      const position = await this.#findPosition(state);
      this.#page = state?.page;
      await this.#producer.write([[this.#stateMessage({ owner, page: state?.page, sequences: position.sequences })]]);
      this.#claimed = true;
      this.#position = position;
    } catch (error) {
      this.#producer.discard();
      throw error;
    }
  }

  /**
   * Writes what is new of a page. Rejects when it is not certain that all of it is in the log; then some of it, all of
   * it or nothing may be, and {@link acquire} tells.
   */
  async writePage(page: Page): Promise<PageOutcome> {
    const position = this.#position;
    if (position === undefined) throw new Error("the source was not acquired");
    const { seen, seenDeadLetters, partitions } = position;
    const fresh = page.records.filter(({ id, hash }) => seen.stage(id, hash));
    const deadLetters = page.deadLetters.filter(({ hash }) => seenDeadLetters.stage(hash, hash));
    if (fresh.length > 0 || deadLetters.length > 0) {
      this.#unsettled = true;
      try {
        const sequences = new Map(position.sequences);
        for (let from = 0; from === 0 || from < fresh.length; from += RECORDS_PER_TRANSACTION) {
          const part = fresh.slice(from, from + RECORDS_PER_TRANSACTION).map(({ id }, i): NumberedRecord => {
            const partition = partitionOf(id, partitions);
            const sequence = (sequences.get(partition) ?? 0) + 1;
            sequences.set(partition, sequence);
            return { record: fresh[from + i] as ExtractedRecord, partition, sequence };
          });
          const last = from + RECORDS_PER_TRANSACTION >= fresh.length;
          await this.#writeTransaction(part, last ? deadLetters : [], sequences, last ? page.state : this.#page);
          for (const [partition, sequence] of sequences) position.sequences.set(partition, sequence);
        }
      } catch (error) {
        this.#producer.discard();
        this.#position = undefined;
        if (isFenced(error)) await this.#findOwner();
        throw error;
      }
      this.#unsettled = false;
    }
    seen.commit(page.records.length);
    seenDeadLetters.commit(page.deadLetters.length);
    this.#page = page.state;
    return {
      written: fresh.length,
      duplicates: page.records.length - fresh.length,
      deadLettered: deadLetters.length,
    };
  }

  /**
   * Makes sure that nothing more gets into the log from here, a write of unknown outcome included: a new producer ends
   * what the old one left open. Rejects when Kafka cannot be reached for that.
   */
  async settle(): Promise<void> {
    // Usually a matter of milliseconds; cutting it off would leave kafkajs retrying on its own.
    await withDeadline(this.#acquiring, SETTLE_MS, "taking the source over").catch(() => undefined);
    this.#position = undefined;
    if (this.#unsettled && this.#claimed) {
      await this.#producer.fence();
      this.#unsettled = false;
    }
    await this.#producer.close();
  }

  async #writeTransaction(
    records: readonly NumberedRecord[],
    deadLetters: readonly DeadLetter[],
    sequences: ReadonlyMap<number, number>,
    page: PageState | undefined,
  ): Promise<void> {
    const { names, owner, source } = this.#options;
    const origin = eventSource(source.url);
    const sends = (topic: string, messages: Parameters<typeof inSends>[0]): Send[] =>
      inSends(messages).map((part) => [{ topic, messages: part }]);
    await this.#producer.write([
      ...sends(
        names.records(source.name),
        records.map((record) => recordMessage(record, origin)),
      ),
      ...sends(
        names.deadLetters(source.name),
        deadLetters.map((letter) => deadLetterMessage(letter, origin)),
      ),
      [this.#stateMessage({ owner, page, sequences })],
    ]);
  }

  #stateMessage(state: {
    owner: Owner;
    page: PageState | undefined;
    sequences: ReadonlyMap<number, number>;
  }): Send[number] {
    const { names, source } = this.#options;
    const { owner, page, sequences } = state;
    const value = encodeState({
      owner,
      ...(page === undefined ? {} : { page }),
      sequences: Object.fromEntries(sequences),
    });
    return { topic: names.state, messages: [{ partition: 0, key: source.name, value }] };
  }

  async #findPosition(state: SourceState | undefined): Promise<LogPosition> {
    const { log, names, source } = this.#options;
    const topic = names.records(source.name);
    const partitions = (await log.topics(topic)).find(({ name }) => name === topic)?.partitions ?? [];
    const window = Math.max(source.dedupWindow, state?.page?.records ?? 0);
    const seen = new DedupWindow(window);
    const sequences = new Map<number, number>();
    for (const partition of partitions) {
      const { nextOffset, sequence } = await readTail(log, { topic, partition }, window, seen);
      this.#producer.startAt(topic, partition, nextOffset);
      const number = Math.max(sequence, state?.sequences[partition] ?? 0);
      if (number > 0) sequences.set(partition, number);
    }
    const seenDeadLetters = new DedupWindow(DEAD_LETTER_WINDOW);
    const place = { topic: names.deadLetters(source.name), partition: 0 };
    const { nextOffset } = await readTail(log, place, DEAD_LETTER_WINDOW, seenDeadLetters);
    this.#producer.startAt(place.topic, 0, nextOffset);
    if (partitions.length === 0) throw new Error(`the topic ${topic} is not there`);
    return { partitions: partitions.length, sequences, seen, seenDeadLetters };
  }

  #checkOwner(state: SourceState | undefined): void {
    if (this.#claimed && state !== undefined && state.owner.id !== this.#options.owner.id) {
      // It is somebody else's now, so nothing may be done about what this one left open: that would shut them out.
      this.#unsettled = false;
      throw new TakenOverError(state.owner);
    }
  }

  /** Tells whether somebody else has the source, without shutting them out. */
  async #findOwner(): Promise<void> {
    const { log, names, source } = this.#options;
    let state: SourceState | undefined;
    try {
      state = (await readStates(log, names.state, 2000)).states.get(source.name);
    } catch {
      // Then acquire finds out.
      return;
    }
    this.#checkOwner(state);
  }
}
