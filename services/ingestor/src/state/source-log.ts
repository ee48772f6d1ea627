import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { SharedConnections } from "@apispool/kafka-log/producer-connections.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import { traced } from "@apispool/common/tracing.js";
import { withDeadline } from "../deadline.js";
import type { ItemBatch } from "../extract/page.js";
import { type PollState, idsToRemember, mustAdvance } from "../poll/poll-state.js";
import type { Found, Part, PollSink } from "../poll/poll-sink.js";
import type { IngestorMetrics } from "../telemetry/ingestor-metrics.js";
import { DedupWindow } from "./dedup-window.js";
import { type LogTail, readTail, rememberAll } from "./log-tail.js";
import { deadLetterMessages, inSends, numbered, recordMessages } from "./outgoing.js";
import type { Limiter } from "./limiter.js";
import { type Owner, encodeState, recordsTotal } from "./source-state.js";
import type { StateIndex } from "./state-index.js";
import type { TopicMap } from "./topic-map.js";
import { type Send, TransactionalProducer, isFenced } from "./transactional-producer.js";

const DEAD_LETTER_WINDOW = 10_000;
/** A poll of more ids than the window holds has all of them remembered, up to so many. */
const MOST_REMEMBERED = 250_000;
const SETTLE_MS = 2000;
/** How long an open transaction is waited for before it is ended by force, in milliseconds. */
const BRIEFLY_MS = 20;
const GLANCE_MS = 500;
/** Kafka ends an open transaction in less. In milliseconds. */
const PATIENTLY_MS = 20_000;

/** Thrown when another producer has shut this one out: somebody else may write the source now. */
export class FencedError extends Error {
  override readonly name = "FencedError";
  constructor(cause: unknown) {
    super("another ingestor writes this source, so this one was shut out", { cause });
  }
}

/** Thrown when what was known of the log is not the newest any more: look again, poll again. */
export class OutdatedError extends Error {
  override readonly name = "OutdatedError";
}

interface LogPosition {
  readonly partitions: number;
  /** Of the newest state, -1 where there is none. */
  stateOffset: number;
  readonly sequences: Map<number, number>;
  readonly seen: DedupWindow;
  readonly seenDeadLetters: DedupWindow;
  readonly nextOffsets: ReadonlyMap<string, number>;
  /** What is in the log. */
  written: PollState | undefined;
  /** What is known; ahead of what is written by what is not worth a write. */
  state: PollState | undefined;
  /** Monotonic milliseconds. */
  writtenAt: number;
  /** The newest timestamp in the log, in milliseconds since the Unix epoch. */
  timestamp: number;
  /** Whether that is the timestamp of the page that is under way. */
  inPage: boolean;
  /** Whether something is staged that is not committed. */
  staged: boolean;
  /** Whether a page was begun upon that: then it cannot be told apart any more. */
  begunUpon: boolean;
}

export interface SourceLogOptions {
  readonly connections: SharedConnections;
  readonly log: LogReader;
  readonly index: StateIndex;
  readonly topics: TopicMap;
  /** Bounds how many become writers at a time. */
  readonly fencing: Limiter;
  readonly names: Names;
  readonly owner: Owner;
  readonly source: { readonly name: string; readonly origin: string; readonly dedupWindow: number };
  readonly metrics?: Pick<IngestorMetrics, "kafka" | "transactions">;
}

/**
 * What Kafka holds of one source, and the only way to add to it: each record exactly once.
 *
 * What is in the log is looked up first without shutting anybody out, which is enough to ask the API; only who has
 * something to write shuts the others out, and then makes sure that nobody wrote in between. So a source where nothing
 * is new costs Kafka nothing. After any error it is not {@link ready}, and {@link look} finds out again.
 */
export class SourceLog implements PollSink {
  readonly #options: SourceLogOptions;
  readonly #producer: TransactionalProducer;
  readonly #origin: string;
  #position: LogPosition | undefined;
  #unsettled = false;
  #fencing: Promise<void> = Promise.resolve();

  constructor(options: SourceLogOptions) {
    this.#options = options;
    this.#origin = options.source.origin;
    const transactionalId = options.names.transactionalId(options.source.name);
    this.#producer = new TransactionalProducer(options.connections, transactionalId, options.metrics?.kafka);
  }

  get ready(): boolean {
    return this.#position !== undefined;
  }

  get state(): PollState | undefined {
    return this.#position?.state;
  }

  /** Records in the log, as far as is known here. */
  get recordsTotal(): number | undefined {
    return this.#position === undefined ? undefined : recordsTotal(Object.fromEntries(this.#position.sequences));
  }

  /** Finds out what is in the log. A transaction that a crash left open is ended, because it may hide the newest. */
  async look(): Promise<void> {
    this.#position = undefined;
    if (!this.#unsettled) {
      try {
        this.#position = await this.#find(BRIEFLY_MS);
        return;
      } catch {
        // Either a transaction is open, or Kafka cannot be reached, which the next step says better.
      }
    }
    await this.#fence();
    this.#position = await this.#find(PATIENTLY_MS);
  }

  /** As {@link look}, without ending what others have begun: only to be looked at. */
  async glance(): Promise<void> {
    this.#position = await this.#find(GLANCE_MS).catch(async () => this.#find(PATIENTLY_MS));
  }

  stage(batch: Pick<ItemBatch, "records" | "deadLetters">, beginsPage = false): Found {
    const position = this.#known();
    const { seen, seenDeadLetters } = position;
    if (beginsPage) {
      seen.beginPage();
      position.begunUpon ||= position.staged;
      position.inPage = false;
    }
    // By the timestamp the records of a page are known again. It never goes back, whatever the clock does.
    if (!position.inPage) position.timestamp = Math.max(Date.now(), position.timestamp + 1);
    position.inPage = true;
    position.staged = true;
    const { timestamp } = position;
    const unwritten = new Map<string, readonly string[]>();
    const records = batch.records.filter(({ id, hash }) => {
      if (!seen.stage(id, hash)) return false;
      const contents = seen.unwritten(id);
      if (contents.length > 0) unwritten.set(id, contents);
      return true;
    });
    const deadLetters = batch.deadLetters.filter(({ hash }) => seenDeadLetters.stage(hash, hash));
    return { records, deadLetters, timestamp, ...(unwritten.size === 0 ? {} : { unwritten }) };
  }

  rollback(): void {
    if (this.#position === undefined) return;
    const { seen, seenDeadLetters, begunUpon } = this.#position;
    seen.rollback();
    seenDeadLetters.rollback();
    this.#position.staged = false;
    if (begunUpon) this.#position = undefined;
  }

  /**
   * Writes a part of a page, or several pages. Rejects when it is not certain that all of it is in the log; then all of it or nothing is,
   * and {@link look} tells.
   */
  async commit(part: Part): Promise<void> {
    const position = this.#known();
    const since = performance.now() - position.writtenAt;
    const news = part.found.some(({ records, deadLetters }) => records.length > 0 || deadLetters.length > 0);
    if (news || part.flush === true || mustAdvance(position.written, part.state, since)) {
      try {
        await this.#write(position, part);
      } catch (error) {
        this.#producer.discard();
        this.#position = undefined;
        if (!isFenced(error)) throw error;
        // What a shut-out producer left open is ended already.
        this.#unsettled = false;
        throw new FencedError(error);
      }
    }
    position.state = part.state;
    position.seen.commit(Math.min(idsToRemember(part.state), MOST_REMEMBERED));
    position.seenDeadLetters.commit();
    position.staged = position.begunUpon = false;
    if (part.state.progress?.resume === undefined) position.inPage = false;
  }

  /** Shuts out every other writer and ends what it left open: nothing of it gets into the log any more. */
  async shutOut(): Promise<void> {
    await this.#fence();
  }

  /**
   * Makes sure that nothing more gets into the log from here, a write of unknown outcome included: a new producer ends
   * what the old one left open. Rejects when Kafka cannot be reached for that. Where the source is somebody else's now
   * (`abandon`), that is theirs to do: it would shut them out.
   */
  async settle(abandon = false): Promise<void> {
    // Usually a matter of milliseconds; cutting it off would leave kafkajs retrying on its own.
    await withDeadline(this.#fencing, SETTLE_MS, "shutting other writers out").catch(() => undefined);
    this.#position = undefined;
    try {
      if (this.#unsettled && !abandon) await this.#fence();
    } finally {
      await this.#producer.close();
    }
  }

  async #write(position: LogPosition, { found, state, trace }: Part): Promise<void> {
    if (!this.#producer.ready) await this.#own(position);
    const { names, source, metrics } = this.#options;
    const sequences = new Map(position.sequences);
    this.#unsettled = true;
    const records = trace === undefined ? 0 : found.reduce((sum, { records: some }) => sum + some.length, 0);
    const span = trace?.transaction(source.name, records);
    const sends = this.#sends(position, sequences, found, state, span?.sampled === true ? span.traceparent : undefined);
    const begin = performance.now();
    let outcome = "error";
    try {
      position.stateOffset = await traced(span, async () => this.#producer.write(sends, names.state));
      outcome = "ok";
    } finally {
      metrics?.transactions.observe({ outcome }, (performance.now() - begin) / 1000);
    }
    this.#unsettled = false;
    for (const [partition, sequence] of sequences) position.sequences.set(partition, sequence);
    position.written = state;
    position.writtenAt = performance.now();
  }

  /** Becomes the one writer, and makes sure that what is known of the log is the newest. In this order. */
  async #own(position: LogPosition): Promise<void> {
    const { index, names, source } = this.#options;
    await this.#fence();
    await index.refresh();
    const newest = index.get(source.name)?.offset ?? -1;
    if (newest !== position.stateOffset) throw new OutdatedError("somebody else wrote meanwhile");
    this.#producer.startAt(`${names.state}/0`, index.nextOffset);
    for (const [place, offset] of position.nextOffsets) this.#producer.startAt(place, offset);
  }

  async #fence(): Promise<void> {
    const fencing = this.#options.fencing.run(async () => this.#producer.fence());
    this.#fencing = fencing.catch(() => undefined);
    await fencing;
    this.#unsettled = false;
  }

  /**
   * One request after the other, made when it is asked for: of a large part only what goes out is in memory. The state goes
   * with the last of what it speaks of: a request of its own would cost two more round trips.
   */
  *#sends(
    { partitions, timestamp }: LogPosition,
    sequences: Map<number, number>,
    found: readonly Found[],
    poll: PollState,
    traceparent: string | undefined,
  ): Generator<Send> {
    const { names, source, owner } = this.#options;
    const records = inSends(recordMessages(numbered(found, partitions, sequences), this.#origin, traceparent));
    const deadLetters = inSends(deadLetterMessages(found, this.#origin));
    let last: Send = [];
    for (const [topic, parts] of [
      [names.records(source.name), records],
      [names.deadLetters(source.name), deadLetters],
    ] as const) {
      for (const messages of parts) {
        if (last.length > 0) yield last;
        last = [{ topic, messages }];
      }
    }
    const value = encodeState({ owner, poll, sequences: Object.fromEntries(sequences), timestamp });
    yield [...last, { topic: names.state, messages: [{ partition: 0, key: source.name, value }] }];
  }

  async #find(openTransactionMs: number): Promise<LogPosition> {
    const { log, index, topics, names, source } = this.#options;
    // The state before the records: what is written in between is noticed by the state's offset.
    await index.refresh(openTransactionMs);
    const found = index.get(source.name);
    const topic = names.records(source.name);
    const partitions = await topics.partitions(topic);
    const poll = found?.state.poll;
    const items = poll === undefined ? 0 : idsToRemember(poll);
    const window = Math.max(source.dedupWindow, Math.min(items, MOST_REMEMBERED));
    const seen = new DedupWindow(window);
    const sequences = new Map<number, number>();
    const nextOffsets = new Map<string, number>();
    const tails: LogTail[] = [];
    for (const partition of partitions) {
      const tail = await readTail(log, { topic, partition }, window, openTransactionMs);
      const { nextOffset, sequence } = tail;
      tails.push(tail);
      nextOffsets.set(`${topic}/${partition}`, nextOffset);
      const number = Math.max(sequence, found?.state.sequences[partition] ?? 0);
      if (number > 0) sequences.set(partition, number);
    }
    const newest = rememberAll(tails, seen);
    const seenDeadLetters = new DedupWindow(DEAD_LETTER_WINDOW);
    const place = { topic: names.deadLetters(source.name), partition: 0 };
    const deadLetters = await readTail(log, place, DEAD_LETTER_WINDOW, openTransactionMs);
    rememberAll([deadLetters], seenDeadLetters);
    nextOffsets.set(`${place.topic}/0`, deadLetters.nextOffset);
    return {
      partitions: partitions.length,
      stateOffset: found?.offset ?? -1,
      sequences,
      seen,
      seenDeadLetters,
      nextOffsets,
      written: poll,
      state: poll,
      writtenAt: performance.now(),
      timestamp: Math.max(newest, found?.state.timestamp ?? 0),
      inPage: poll?.progress?.resume !== undefined,
      staged: false,
      begunUpon: false,
    };
  }

  #known(): LogPosition {
    if (this.#position === undefined) throw new Error("what is in the log was not looked up");
    return this.#position;
  }
}
