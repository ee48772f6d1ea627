import { describe, expect, it } from "@jest/globals";
import { PollError, type PollErrorKind } from "../poll-error.js";
import { RetryBudget } from "./retry-budget.js";
import { type RetryDeps, withRetries } from "./retry.js";

const policy = { maxAttempts: 4, initialMs: 100, maxMs: 10_000 };
const never = new AbortController().signal;

async function run(failures: readonly PollError[], deps: RetryDeps = {}) {
  const waits: number[] = [];
  let attempts = 0;
  const result = await withRetries(
    policy,
    async () => {
      const failure = failures[attempts];
      attempts += 1;
      if (failure !== undefined) throw failure;
      return "done";
    },
    never,
    { random: () => 0.5, sleep: async (ms) => void waits.push(ms), ...deps },
  ).catch((error: unknown) => error);
  return { result, waits, attempts };
}

const error = (kind: PollErrorKind, retryAfterMs?: number): PollError => new PollError("x", { kind, retryAfterMs });

describe("repeating a request", () => {
  it("waits for a random part of a limit that doubles", async () => {
    expect(await run([error("server"), error("timeout"), error("network")])).toEqual({
      result: "done",
      waits: [50, 100, 200],
      attempts: 4,
    });
    const most = await run([error("server"), error("server")], { random: () => 0.999_999 });
    expect(most.waits.map(Math.round)).toEqual([100, 200]);
  });

  it("ends after so many attempts with the last error", async () => {
    const failures = Array.from({ length: 9 }, () => error("server"));
    expect(await run(failures)).toMatchObject({ result: failures[3], attempts: 4 });
  });

  it.each([
    "config",
    "unauthorized",
    "forbidden",
    "not-found",
    "rejected",
    "tls",
    "malformed",
    "blocked",
    "loop",
  ] as const)("is of no use for %s", async (kind) => {
    expect(await run([error(kind)])).toMatchObject({ result: { kind }, attempts: 1 });
  });

  it("is of use for what was cut off", async () => {
    expect(await run([new PollError("x", { cutOff: true })])).toMatchObject({ result: "done", attempts: 2 });
  });

  it("is never before the API's Retry-After, and left to the schedule where that is long", async () => {
    const { waits } = await run([error("throttled", 7000)]);
    expect(waits[0]).toBeGreaterThanOrEqual(7000);
    expect(await run([error("throttled", 10_001)])).toMatchObject({ attempts: 1, result: { retryAfterMs: 10_001 } });
  });

  it("ends with the signal's reason", async () => {
    const stop = new AbortController();
    const work = withRetries(policy, async () => Promise.reject(error("server")), stop.signal, {
      sleep: async () => stop.abort(new Error("told to stop")),
    });
    await expect(work).rejects.toThrow("told to stop");
  });
});

describe("the budget for it", () => {
  it("allows three where few requests are made, and more again when time has passed", async () => {
    let now = 0;
    const budget = new RetryBudget(() => now);
    const failures = Array.from({ length: 9 }, () => error("server"));
    expect((await run(failures, { budget })).attempts).toBe(4);
    expect((await run(failures, { budget })).attempts).toBe(1);
    now += 60_000;
    expect((await run(failures, { budget })).attempts).toBe(4);
  });

  it("allows a fifth of many", () => {
    const budget = new RetryBudget(() => 0);
    for (let i = 0; i < 100; i += 1) budget.request();
    let repeats = 0;
    while (budget.repeat()) repeats += 1;
    expect(repeats).toBe(20);
  });
});
