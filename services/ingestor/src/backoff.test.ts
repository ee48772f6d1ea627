import { describe, expect, it } from "@jest/globals";
import { backoffMs, parseRetryAfter } from "./backoff.js";

describe("waiting after failures", () => {
  const limits = { firstMs: 500, longestMs: 60_000 };

  it("doubles up to its limit, with full jitter, and never is nothing", () => {
    expect([1, 2, 3, 8, 9, 5000].map((n) => backoffMs(n, limits, () => 1))).toEqual([
      500, 1000, 2000, 60_000, 60_000, 60_000,
    ]);
    expect(backoffMs(2, limits, () => 0.5)).toBe(500);
    expect(backoffMs(1, limits, () => 0)).toBe(50);
  });

  it("heeds Retry-After, seconds or a date, an hour at most", () => {
    const now = Date.parse("Tue, 24 Nov 2026 12:00:00 GMT");
    expect(parseRetryAfter("7", now)).toBe(7000);
    expect(parseRetryAfter("Tue, 24 Nov 2026 12:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Tue, 24 Nov 2026 11:00:00 GMT", now)).toBe(0);
    expect(parseRetryAfter("999999999999", now)).toBe(3_600_000);
    for (const nonsense of [undefined, "", "soon", "-1", "1.5"]) expect(parseRetryAfter(nonsense, now)).toBeUndefined();
  });
});
