import { Cron } from "croner";
import type { ScheduleConfig } from "../config/source-config.js";
import type { Clock } from "./clock.js";

/** What a poll found, as far as it matters for when to poll next. */
export interface Findings {
  /** There is more to be had at once. */
  readonly more: boolean;
  /** Anything was new. */
  readonly news: boolean;
  /** How long the API says that its answer stays as it is, in milliseconds. */
  readonly freshForMs: number;
}

/** A moment; how far off it is may change with the wall clock. */
export interface Due {
  /** Milliseconds until then; not more than 0 when it has come. */
  readonly left: () => number;
}

/** An adaptive source with news is polled this much more often than its interval says. */
const ADAPTIVE_FACTOR = 8;

/**
 * When a source is polled next. Intervals are measured with a clock that never jumps, from the beginning of one poll to
 * the beginning of the next; a poll that takes longer delays the next one. Cron follows the wall clock, wherever it goes.
 */
export class Schedule {
  readonly #config: ScheduleConfig;
  readonly #clock: Clock;
  readonly #cron: Cron | undefined;
  /** When the poll was due that began last, without jitter. */
  #base = 0;
  /** Of an adaptive source. */
  #pause = 0;

  constructor(config: ScheduleConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#cron = config.kind === "cron" ? new Cron(config.expression, { timezone: config.timeZone }) : undefined;
  }

  /** When to poll for the first time, not before so many milliseconds from now. */
  first(delayMs: number): Due {
    if (this.#config.kind === "cron") return this.#nextRun(0);
    this.#base = this.#clock.mono() + delayMs;
    return this.#at(this.#base);
  }

  /** A poll has ended in order. */
  next({ more, news, freshForMs }: Findings): Due {
    const now = this.#clock.mono();
    if (this.#config.adaptive && more) {
      this.#pause = 0;
      this.#base = now;
      return this.#at(now);
    }
    const notBefore = now + freshForMs;
    if (this.#config.kind === "cron") return this.#nextRun(freshForMs);
    const { intervalMs, jitter, adaptive } = this.#config;
    const least = intervalMs / ADAPTIVE_FACTOR;
    this.#pause = !adaptive ? intervalMs : news ? least : Math.min(intervalMs, Math.max(least, this.#pause * 2));
    this.#base = Math.max(this.#base + this.#pause, now);
    const moved = this.#base + (this.#clock.random() - 0.5) * jitter * this.#pause;
    return this.#at(Math.max(moved, notBefore));
  }

  /** A poll has failed: it is made again after this pause, whatever the schedule says. */
  again(pauseMs: number): Due {
    this.#base = this.#clock.mono() + pauseMs;
    return this.#at(this.#base);
  }

  #at(mono: number): Due {
    return { left: () => mono - this.#clock.mono() };
  }

  #nextRun(notBeforeMs: number): Due {
    const cron = this.#cron;
    const next = cron?.nextRun(new Date(this.#clock.wall() + notBeforeMs)) ?? null;
    // An expression that never comes again, such as one for 30 February.
    if (cron === undefined || next === null) return { left: () => Number.MAX_SAFE_INTEGER };
    const after = cron.nextRun(next)?.getTime() ?? next.getTime();
    const moved = next.getTime() + this.#clock.random() * this.#config.jitter * (after - next.getTime());
    return { left: () => moved - this.#clock.wall() };
  }
}
