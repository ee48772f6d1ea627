import type { Logger } from "@apispool/common/logger.js";
import type { SourceConfig } from "../config/source-config.js";
import { orAborted, sleep } from "../deadline.js";
import { PollError } from "../poll-error.js";
import { type PollEvents, type PollOptions, type PollOutcome, poll } from "../poll/poll.js";
import type { SourceParts } from "../poll/source-parts.js";
import type { Clock } from "../schedule/clock.js";
import { type Due, Schedule } from "../schedule/schedule.js";
import { FencedError, OutdatedError, type SourceLog } from "../state/source-log.js";
import type { SourceTelemetry, ToldPoll } from "../telemetry/source-telemetry.js";
import { isOpen, judge } from "./failures.js";
import { type WorkerState, type WorkerStatus, newCounters } from "./worker-status.js";

/** An API must not be able to put a source to sleep for a year. In milliseconds. */
const LONGEST_FRESH_MS = 3_600_000;
/** Timers longer than this are set anew, so that a jump of the wall clock is noticed. In milliseconds. */
const LONGEST_SLEEP_MS = 30_000;

/** One poll of a source, whatever drives it. */
export type PollSource = (options: PollOptions) => Promise<PollOutcome>;

export interface WorkerOptions {
  readonly config: SourceConfig;
  readonly parts: SourceParts;
  /** Makes what writes the source; a new one for every run, so that nothing of an abandoned run is used again. */
  readonly openLog: () => SourceLog;
  /** How a poll is made; {@link poll} unless the source has a parent. */
  readonly pollSource?: PollSource;
  readonly brokers: readonly string[];
  readonly log: Logger;
  readonly clock: Clock;
  readonly onChange: () => void;
  readonly telemetry: SourceTelemetry;
  /** Whether this process is still meant to poll the source; asked when another producer has shut it out. */
  readonly stillOurs: (signal: AbortSignal) => Promise<boolean>;
  /** Called before every page: gives the source up (by {@link Worker.stop}) where it may be somebody else's since long. */
  readonly checkLease?: () => void;
  /** How long to wait before the first poll, in milliseconds: many sources must not all begin at once. */
  readonly firstDelayMs: () => number;
}

interface Run {
  readonly stop: AbortController;
  /** Leave what is open to the next owner. */
  abandon: boolean;
  /** It polls no more, whatever it still has to put in order. */
  over: boolean;
  readonly ended: Promise<void>;
}

/** Polls one source for as long as it is started, one poll at a time, and mends itself. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #counters = newCounters();
  #state: WorkerState = { kind: "stopped" };
  #since = Date.now();
  #page = 0;
  #cursor: string | undefined;
  #run: Run | undefined;
  #before: Promise<void>;

  /** `after`: what has to end before it may begin, such as the worker that it replaces. */
  constructor(options: WorkerOptions, after: Promise<void> = Promise.resolve()) {
    this.#options = options;
    this.#before = after;
  }

  get status(): WorkerStatus {
    return {
      source: this.#options.config.name,
      url: this.#options.config.request.shownUrl,
      state: this.#state,
      since: this.#since,
      counters: this.#counters,
      page: this.#page,
      cursor: this.#cursor,
      budget: this.#options.parts.http.budget,
    };
  }

  get running(): boolean {
    return this.#run !== undefined && !this.#run.over && !this.#run.stop.signal.aborted;
  }

  /** Tells what is known of the log while nothing is polled. */
  setRecordsTotal(total: number): void {
    this.#counters.recordsTotal = total;
    this.#options.onChange();
  }

  /** Begins to poll; where it polls already, nothing changes. */
  start(): void {
    if (this.running) return;
    const stop = new AbortController();
    // Entered before anything is awaited, so that a caller sees at once that it runs.
    this.#enter({ kind: "recovering" });
    const run: Run = {
      stop,
      abandon: false,
      over: false,
      ended: this.#before.then(async () => this.#loop(run)),
    };
    this.#run = run;
    this.#before = run.ended.catch(() => undefined);
  }

  /**
   * Ends polling. The poll under way is given up where nothing of it has been written, else its part is finished first.
   * Resolves when nothing more will be written; `abandon` leaves a write of unknown outcome to the source's next owner.
   */
  async stop({ abandon = false, waiting = false } = {}): Promise<void> {
    const run = this.#run;
    if (run !== undefined) {
      run.abandon ||= abandon;
      run.stop.abort();
      await run.ended;
    } else {
      await this.#before;
    }
    if (this.#run === undefined) this.#enter(waiting ? { kind: "waiting" } : { kind: "stopped" });
  }

  /** Started, but not here, or not yet. */
  wait(): void {
    if (this.#run === undefined) this.#enter({ kind: "waiting" });
  }

  async #loop(run: Run): Promise<void> {
    const { config, clock, log, openLog, firstDelayMs } = this.#options;
    const stop = run.stop.signal;
    const sourceLog = openLog();
    const schedule = new Schedule(config.schedule, clock);
    try {
      let due: Due | undefined = schedule.first(firstDelayMs());
      await this.#until(due, stop);
      while (!stop.aborted) {
        due = await this.#turn(sourceLog, schedule, stop, -due.left());
        if (due === undefined) break;
        await this.#until(due, stop);
      }
    } finally {
      run.over = true;
      await sourceLog.settle(run.abandon).catch((error: unknown) => {
        log.warn(
          { err: error },
          "stopped while Kafka could not be reached; what was being written may still be committed",
        );
      });
      this.#page = 0;
      if (this.#run === run) this.#run = undefined;
    }
  }

  async #until(due: Due, stop: AbortSignal): Promise<void> {
    for (let left = due.left(); left > 0 && !stop.aborted; left = due.left()) {
      if (this.#state.kind === "recovering" && left > 100) this.#enter({ kind: "idle", nextPollAt: Date.now() + left });
      await sleep(Math.min(left, LONGEST_SLEEP_MS), stop);
    }
  }

  /** One poll. Tells when the next one is due; undefined: it is not. */
  async #turn(sourceLog: SourceLog, schedule: Schedule, stop: AbortSignal, lateMs: number): Promise<Due | undefined> {
    const { clock, config, telemetry } = this.#options;
    const told = telemetry.begin(lateMs);
    try {
      if (!sourceLog.ready) {
        this.#enter({ kind: "recovering" });
        await orAborted(sourceLog.look(), stop);
        this.#tellLog(sourceLog);
      }
      this.#enter({ kind: "polling" });
      const begin = clock.mono();
      const written = this.#counters.recordsSinceStart;
      const outcome = await this.#poll(sourceLog, stop, told);
      this.#succeeded(clock.mono() - begin);
      const news = this.#counters.recordsSinceStart > written;
      told.end(outcome.notModified ? "not_modified" : news ? "news" : "nothing_new");
      // What the API says of its answer counts only where the next request is the same one.
      const same = config.request.url.constant && config.request.query.every(([, value]) => value.constant);
      const due = schedule.next({
        more: outcome.more,
        news,
        freshForMs: same ? Math.min(outcome.freshForMs, LONGEST_FRESH_MS) : 0,
      });
      this.#enter({ kind: "idle", nextPollAt: Date.now() + Math.max(0, due.left()) });
      return due;
    } catch (error) {
      told.end(outcomeOf(error, stop), error);
      if (stop.aborted) return undefined;
      if (error instanceof OutdatedError) return schedule.again(0);
      if (error instanceof FencedError) return await this.#shutOut(error, schedule, stop);
      const due = schedule.again(this.#failed(error));
      this.#enter({ kind: "backing_off", nextPollAt: Date.now() + due.left() });
      return due;
    } finally {
      this.#page = 0;
    }
  }

  async #poll(sourceLog: SourceLog, stop: AbortSignal, told: ToldPoll): Promise<PollOutcome> {
    const { config, parts, clock, pollSource = poll } = this.#options;
    const counters = this.#counters;
    counters.polls += 1;
    counters.lastPollAt = Date.now();
    const events: PollEvents = {
      onAnswer: (status) => (counters.lastHttpStatus = status),
      onPage: (page) => {
        // Who was frozen for a session does not know yet that the source is another's, or stopped: the API is left alone.
        this.#options.checkLease?.();
        stop.throwIfAborted();
        this.#page = page;
        if (this.#state.kind !== "polling") this.#enter({ kind: "polling" });
      },
      onRetry: (error, waitMs) => {
        told.retry(error);
        this.#tellError(error.message, error);
        this.#enter({ kind: "backing_off", nextPollAt: Date.now() + waitMs });
      },
      onPart: (part) => {
        const { written, duplicates, deadLetters } = part;
        told.part(part);
        counters.recordsSinceStart += written;
        counters.duplicatesDropped += duplicates;
        counters.deadLettered += deadLetters.length;
        this.#tellLog(sourceLog);
        if (written > 0 || deadLetters.length > 0) this.#options.onChange();
        if (deadLetters.length === 0) return;
        this.#options.log.warn(
          { source: config.name, count: deadLetters.length, example: deadLetters[0]?.reason },
          "items that cannot become records went to the dead-letter topic",
        );
      },
    };
    const probe = isOpen(counters.consecutiveFailures, config.retry);
    const { trace } = told;
    const context = { config, parts, sink: sourceLog, signal: stop, now: clock.wall };
    const outcome = await pollSource({ ...context, events, probe, trace });
    if (outcome.notModified) counters.notModified += 1;
    return outcome;
  }

  /** Another producer has the source. Where it is still this process's to poll, it takes it back. */
  async #shutOut(error: FencedError, schedule: Schedule, stop: AbortSignal): Promise<Due | undefined> {
    this.#enter({ kind: "recovering" });
    const ours = await this.#options.stillOurs(stop);
    if (stop.aborted) return undefined;
    const { name } = this.#options.config;
    if (ours) {
      this.#options.log.debug({ source: name, err: error }, "shut out although the lease is held: taking it back");
      return schedule.again(0);
    }
    this.#options.log.info({ source: name }, "another ingestor has this source now");
    this.#enter({ kind: "waiting" });
    return undefined;
  }

  #tellLog(sourceLog: SourceLog): void {
    this.#counters.recordsTotal = sourceLog.recordsTotal ?? this.#counters.recordsTotal;
    this.#cursor = sourceLog.state?.progress?.highWater ?? sourceLog.state?.highWater;
  }

  #succeeded(tookMs: number): void {
    const counters = this.#counters;
    if (counters.consecutiveFailures > 0) {
      this.#options.log.info(
        { source: this.#options.config.name },
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
    const { config, brokers, clock } = this.#options;
    const counters = this.#counters;
    counters.consecutiveFailures += 1;
    const { text, pauseMs } = judge(error, counters.consecutiveFailures, config.retry, brokers, clock.random);
    this.#tellError(text, error);
    return pauseMs;
  }

  /** A failure that lasts is said once; the status has how often. */
  #tellError(text: string, error: unknown): void {
    const { config, log } = this.#options;
    if (error instanceof PollError) this.#counters.lastHttpStatus = error.httpStatus ?? 0;
    if (this.#counters.lastError !== text) {
      log.warn({ source: config.name, err: error instanceof PollError ? undefined : error }, text);
    } else {
      log.debug({ source: config.name, err: error }, text);
    }
    this.#counters.lastError = text;
  }

  #enter(state: WorkerState): void {
    if (state.kind !== this.#state.kind) this.#since = Date.now();
    this.#state = state;
    this.#options.onChange();
  }
}

function outcomeOf(error: unknown, stop: AbortSignal): "stopped" | "outdated" | "fenced" | "failed" {
  if (stop.aborted) return "stopped";
  if (error instanceof OutdatedError) return "outdated";
  return error instanceof FencedError ? "fenced" : "failed";
}
