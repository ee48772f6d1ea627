import { createHash } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import { toKafkaError } from "@apispool/kafka-log/retry.js";
import { backoffMs } from "./backoff.js";
import type { SourceConfig } from "./config.js";
import { orAborted, sleep } from "./deadline.js";
import { type PollAnswer, poll } from "./http-poll.js";
import { contentHash, extractRecords } from "./json-records.js";
import { PollError } from "./poll-error.js";
import { type SourceLog, TakenOverError } from "./source-log.js";
import type { PageState } from "./source-state.js";
import { displayUrl } from "./source-url.js";
import { type WorkerState, type WorkerStatus, newCounters } from "./worker-status.js";

/** After a poll that failed because of the API. */
const API_BACKOFF = { firstMs: 500, longestMs: 60_000 };
/** While Kafka cannot be reached: work goes on within seconds of its return, and no remote API suffers from it. */
const KAFKA_BACKOFF = { firstMs: 200, longestMs: 2000 };

export interface WorkerOptions {
  readonly source: SourceConfig;
  /** Makes what writes the source; a new one for every run, so that nothing of an abandoned run is used again. */
  readonly openLog: () => SourceLog;
  readonly brokers: readonly string[];
  readonly log: Logger;
  readonly onChange: () => void;
}

interface Run {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Polls one source for as long as it is started, one poll at a time, and mends itself. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #fingerprint: string;
  readonly #counters = newCounters();
  #state: WorkerState = { kind: "stopped" };
  #since = Date.now();
  #run: Run | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { url, headers, recordsPath, idPath, eventTimePath } = options.source;
    const question = JSON.stringify([url, headers, recordsPath ?? null, idPath ?? null, eventTimePath ?? null]);
    this.#fingerprint = createHash("sha256").update(question).digest("hex").slice(0, 32);
  }

  get status(): WorkerStatus {
    const { name, url } = this.#options.source;
    return { source: name, url: displayUrl(url), state: this.#state, since: this.#since, counters: this.#counters };
  }

  /** Tells what is known of the log while nothing is polled. */
  setRecordsTotal(total: number): void {
    this.#counters.recordsTotal = total;
    this.#options.onChange();
  }

  /** Begins to poll; where it polls already, nothing changes. A worker that gave up tries again. */
  start(): void {
    if (this.#run !== undefined && this.#state.kind !== "failed") return;
    const stop = new AbortController();
    // Entered before anything is awaited, so that a caller sees at once that it runs.
    this.#enter({ kind: "recovering" });
    this.#run = { stop, ended: this.#loop(stop.signal) };
  }

  /**
   * Ends polling. The poll under way is given up where nothing of it has been written, else it is finished first.
   * Resolves when nothing more will be written.
   */
  async stop(): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    run.stop.abort();
    await run.ended;
    if (this.#run === run) {
      this.#run = undefined;
      this.#enter({ kind: "stopped" });
    }
  }

  async #loop(stop: AbortSignal): Promise<void> {
    const { log, openLog } = this.#options;
    const sourceLog = openLog();
    try {
      while (!stop.aborted) {
        const pause = await this.#turn(sourceLog, stop);
        if (pause === undefined) break;
        await sleep(pause, stop);
      }
    } finally {
      await sourceLog.settle().catch((error: unknown) => {
        log.warn(
          { err: error },
          "stopped while Kafka could not be reached; what was being written may still be committed",
        );
      });
    }
  }

  /** One poll. Tells how long to wait for the next one, in milliseconds; undefined: not at all. */
  async #turn(sourceLog: SourceLog, stop: AbortSignal): Promise<number | undefined> {
    const { source, log } = this.#options;
    try {
      if (!sourceLog.ready) {
        this.#enter({ kind: "recovering" });
        await orAborted(sourceLog.acquire(), stop);
        this.#counters.recordsTotal = sourceLog.recordsTotal ?? this.#counters.recordsTotal;
      }
      this.#enter({ kind: "polling" });
      const begin = performance.now();
      await this.#poll(sourceLog, stop);
      const took = performance.now() - begin;
      this.#succeeded(took);
      const pause = Math.max(0, source.intervalMs - took);
      this.#enter({ kind: "idle", nextPollAt: Date.now() + pause });
      return pause;
    } catch (error) {
      if (stop.aborted && !(error instanceof TakenOverError)) return undefined;
      this.#counters.consecutiveFailures += 1;
      if (error instanceof TakenOverError) {
        this.#counters.lastError = error.message;
        log.error({ source: source.name }, error.message);
        this.#enter({ kind: "failed" });
        return undefined;
      }
      const pause = this.#failed(error);
      this.#enter({ kind: "backing_off", nextPollAt: Date.now() + pause });
      return pause;
    }
  }

  async #poll(sourceLog: SourceLog, stop: AbortSignal): Promise<void> {
    const { source } = this.#options;
    const counters = this.#counters;
    counters.polls += 1;
    counters.lastPollAt = Date.now();
    counters.lastHttpStatus = 0;
    const before = sourceLog.page?.fingerprint === this.#fingerprint ? sourceLog.page : undefined;
    let answer: PollAnswer;
    try {
      answer = await poll(source, before?.validators ?? {}, stop);
    } catch (error) {
      if (error instanceof PollError) counters.lastHttpStatus = error.httpStatus ?? 0;
      throw error;
    }
    counters.lastHttpStatus = answer.status;
    if (answer.kind === "not-modified") {
      counters.notModified += 1;
      return;
    }
    const hash = contentHash(answer.body);
    if (hash === before?.hash) {
      counters.duplicatesDropped += before.records;
      return;
    }
    const { records, deadLetters } = extractRecords(answer.body, source);
    const state: PageState = {
      validators: answer.validators,
      hash,
      records: records.length,
      fingerprint: this.#fingerprint,
    };
    stop.throwIfAborted();
    const outcome = await sourceLog.writePage({ records, deadLetters, state });
    counters.recordsSinceStart += outcome.written;
    counters.duplicatesDropped += outcome.duplicates;
    counters.deadLettered += outcome.deadLettered;
    counters.recordsTotal = sourceLog.recordsTotal ?? counters.recordsTotal;
    if (outcome.deadLettered > 0) {
      this.#options.log.warn(
        { source: source.name, count: outcome.deadLettered, example: deadLetters[0]?.reason },
        "items that cannot become records went to the dead-letter topic",
      );
    }
  }

  #succeeded(tookMs: number): void {
    const counters = this.#counters;
    if (counters.consecutiveFailures > 0) {
      this.#options.log.info(
        { source: this.#options.source.name },
        `works again after ${counters.consecutiveFailures} failures`,
      );
    }
    counters.consecutiveFailures = 0;
    counters.lastError = "";
    counters.lastSuccessAt = Date.now();
    counters.lastPollLatencyMs = tookMs;
  }

  /** Tells how long to wait, in milliseconds. */
  #failed(error: unknown): number {
    const counters = this.#counters;
    const before = counters.lastError;
    let pause: number;
    if (error instanceof PollError) {
      counters.lastError = error.message;
      pause = Math.max(backoffMs(counters.consecutiveFailures, API_BACKOFF), error.retryAfterMs ?? 0);
    } else {
      const kafkaError = toKafkaError(error, this.#options.brokers);
      const away = kafkaError.code === Code.Unavailable;
      counters.lastError = away ? kafkaError.rawMessage : `writing to Kafka failed: ${describeError(error)}`;
      pause = backoffMs(counters.consecutiveFailures, away ? KAFKA_BACKOFF : API_BACKOFF);
    }
    // A failure that lasts is said once; the status has how often.
    if (counters.lastError !== before) {
      this.#options.log.warn(
        { source: this.#options.source.name, err: error instanceof PollError ? undefined : error },
        counters.lastError,
      );
    } else {
      this.#options.log.debug({ source: this.#options.source.name, err: error }, counters.lastError);
    }
    return pause;
  }

  #enter(state: WorkerState): void {
    if (state.kind !== this.#state.kind) this.#since = Date.now();
    this.#state = state;
    this.#options.onChange();
  }
}
