import { describe, expect, it } from "@jest/globals";
import type { ScheduleConfig } from "../config/source-config.js";
import { Schedule } from "./schedule.js";

const quiet = { more: false, news: false, freshForMs: 0 };

/** A schedule on a clock that only tests move. */
function scheduled(config: Partial<Extract<ScheduleConfig, { kind: "interval" }>> = {}, random = 0.5) {
  const time = { wall: Date.UTC(2026, 0, 1), mono: 1000 };
  const clock = { wall: () => time.wall, mono: () => time.mono, random: () => random };
  const whole = { kind: "interval", intervalMs: 1000, adaptive: false, jitter: 0, ...config } as const;
  const pass = (ms: number): void => {
    time.wall += ms;
    time.mono += ms;
  };
  return { schedule: new Schedule(whole, clock), time, pass };
}

describe("the schedule of an interval", () => {
  it("counts from the beginning of one poll to the beginning of the next", () => {
    const { schedule, pass } = scheduled();
    expect(schedule.first(0).left()).toBe(0);
    pass(300);
    expect(schedule.next(quiet).left()).toBe(700);
    pass(700);
    pass(2500);
    // Too late for two polls: they are not made up for.
    expect(schedule.next(quiet).left()).toBe(0);
    expect(schedule.next(quiet).left()).toBe(1000);
  });

  it("does not care where the wall clock jumps to", () => {
    const { schedule, time, pass } = scheduled();
    schedule.first(0);
    const due = schedule.next(quiet);
    time.wall += 86_400_000;
    expect(due.left()).toBe(1000);
    time.wall -= 2 * 86_400_000;
    pass(400);
    expect(due.left()).toBe(600);
  });

  it("moves each poll by a share of the interval, and does not drift", () => {
    const early = scheduled({ jitter: 0.2 }, 0).schedule;
    early.first(0);
    expect(early.next(quiet).left()).toBe(900);
    expect(early.next(quiet).left()).toBe(1900);
  });

  it("waits as long as the API says that its answer is fresh", () => {
    const { schedule } = scheduled();
    schedule.first(0);
    expect(schedule.next({ ...quiet, freshForMs: 5000 }).left()).toBe(5000);
  });

  it("tries again after a failure when it is told to", () => {
    const { schedule } = scheduled();
    expect(schedule.again(250).left()).toBe(250);
  });
});

describe("an adaptive schedule", () => {
  it("polls at once while there is more, often while there is news, and up to the interval when there is none", () => {
    const { schedule, pass } = scheduled({ adaptive: true, intervalMs: 8000 });
    schedule.first(0);
    expect(schedule.next({ more: true, news: true, freshForMs: 9000 }).left()).toBe(0);
    const waits: number[] = [];
    for (const news of [true, false, false, false, false, true]) {
      const wait = schedule.next({ ...quiet, news }).left();
      waits.push(wait);
      pass(wait);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 1000]);
  });
});

describe("the schedule of cron", () => {
  const cron = (expression: string, timeZone: string, at: number) => {
    const time = { wall: at };
    const clock = { wall: () => time.wall, mono: () => 0, random: () => 0 };
    return { schedule: new Schedule({ kind: "cron", expression, timeZone, adaptive: false, jitter: 0 }, clock), time };
  };

  it("follows the time zone, and the wall clock wherever it goes", () => {
    const { schedule, time } = cron("0 6 * * *", "Europe/Berlin", Date.UTC(2026, 6, 1, 3, 59, 0));
    const due = schedule.first(0);
    expect(due.left()).toBe(60_000);
    time.wall += 61_000;
    expect(due.left()).toBe(-1000);
    expect(schedule.next(quiet).left()).toBe(86_400_000 - 1000);
  });

  it("leaves out a time at which the answer would be the same", () => {
    const { schedule } = cron("*/5 * * * *", "UTC", Date.UTC(2026, 0, 1, 0, 0, 1));
    expect(schedule.next({ ...quiet, freshForMs: 360_000 }).left()).toBe(600_000 - 1000);
  });

  it("waits for ever for what never comes", () => {
    const { schedule } = cron("0 0 30 2 *", "UTC", 0);
    expect(schedule.first(0).left()).toBeGreaterThan(1e12);
  });
});
