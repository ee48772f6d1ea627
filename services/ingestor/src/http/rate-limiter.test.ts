import { describe, expect, it } from "@jest/globals";
import { rateBudget } from "./rate-headers.js";
import { RateLimiter } from "./rate-limiter.js";

const now = Date.parse("2026-11-24T12:00:00Z");
const never = new AbortController().signal;

describe("what an API says of its rate limit", () => {
  it.each([
    ["draft 7", { ratelimit: "limit=100, remaining=5, reset=30" }, 5, 30],
    ["draft 8 and later", { ratelimit: '"default";r=50;t=30' }, 50, 30],
    ["several policies", { ratelimit: '"burst";r=0;t=2, "day";r=900;t=80000' }, 0, 2],
    ["separate headers", { "ratelimit-remaining": "7", "ratelimit-reset": "60" }, 7, 60],
    ["GitHub", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now / 1000 + 90) }, 0, 90],
    ["milliseconds", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now + 90_000) }, 0, 90],
    ["seconds from now", { "x-ratelimit-remaining": "3", "x-ratelimit-reset": "12" }, 3, 12],
    ["a date", { "x-ratelimit-remaining": "3", "x-ratelimit-reset": "2026-11-24T12:00:45Z" }, 3, 45],
    ["Discord", { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5" }, 0, 1.5],
    ["Twitter", { "x-rate-limit-remaining": "1", "x-rate-limit-reset": String(now / 1000 + 5) }, 1, 5],
    [
      "never more than an hour",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now / 1000 + 1e6) },
      0,
      3600,
    ],
    ["what is over", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now / 1000 - 5) }, 0, 0],
    [
      "by the server's clock",
      {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(now / 1000 + 610),
        date: "Tue, 24 Nov 2026 12:10:00 GMT",
      },
      0,
      10,
    ],
  ])("%s", (_name, headers, remaining, seconds) => {
    expect(rateBudget(headers as Record<string, string>, now)).toEqual({ remaining, resetsAt: now + seconds * 1000 });
  });

  it("is nothing where it cannot be read", () => {
    for (const headers of [
      {},
      { "x-ratelimit-remaining": "5" },
      { "x-ratelimit-remaining": "many", "x-ratelimit-reset": "1" },
    ]) {
      expect(rateBudget(headers as Record<string, string>, now)).toBeUndefined();
    }
  });
});

describe("the rate limiter", () => {
  const make = (config?: { requests: number; perMs: number }) => {
    let time = now;
    const waits: number[] = [];
    const limiter = new RateLimiter(config, {
      now: () => time,
      sleep: async (ms) => {
        waits.push(ms);
        time += ms;
      },
    });
    return { limiter, waits };
  };

  it("lets a burst through, and then so many a period", async () => {
    const { limiter, waits } = make({ requests: 5, perMs: 1000 });
    for (let i = 0; i < 5; i += 1) await limiter.take(never);
    expect(waits).toEqual([]);
    await limiter.take(never);
    await limiter.take(never);
    expect(waits).toEqual([200, 200]);
  });

  it("makes up for what redirects took", async () => {
    const { limiter, waits } = make({ requests: 1, perMs: 1000 });
    await limiter.take(never);
    limiter.spend();
    await limiter.take(never);
    expect(waits).toEqual([2000]);
  });

  it("waits for the API's limit to reset when nothing is left of it", async () => {
    const { limiter, waits } = make();
    limiter.note({ "ratelimit-remaining": "1", "ratelimit-reset": "60" });
    await limiter.take(never);
    expect(waits).toEqual([]);
    await limiter.take(never);
    expect(waits).toEqual([60_000]);
    expect(limiter.budget).toEqual({ remaining: 0, resetsAt: now + 60_000 });
  });

  it("ends waiting with the signal's reason", async () => {
    const limiter = new RateLimiter(undefined);
    limiter.note({ "ratelimit-remaining": "0", "ratelimit-reset": "60" });
    const stop = new AbortController();
    const waiting = limiter.take(stop.signal);
    stop.abort(new Error("told to stop"));
    await expect(waiting).rejects.toThrow("told to stop");
  });
});
