import { describe, expect, it } from "@jest/globals";
import { conditionalHeaders, freshForMs, validatorsOf } from "./conditional.js";

const now = Date.parse("2026-11-24T12:00:00Z");

describe("conditional requests", () => {
  it("ask with what the last answer gave", () => {
    const headers = { etag: 'W/"1"', "last-modified": "Tue, 24 Nov 2026 11:00:00 GMT", date: "x" };
    expect(conditionalHeaders(validatorsOf(headers))).toEqual({
      "if-none-match": 'W/"1"',
      "if-modified-since": "Tue, 24 Nov 2026 11:00:00 GMT",
    });
    expect(conditionalHeaders(validatorsOf({ etag: "" }))).toEqual({});
  });
});

describe("how long an answer is fresh", () => {
  it.each([
    [{ "cache-control": "max-age=60" }, 60_000],
    [{ "cache-control": "public, Max-Age = 60, must-revalidate", age: "20" }, 40_000],
    [{ "cache-control": 'max-age="60"' }, 60_000],
    [{ "cache-control": "max-age=60", age: "100" }, 0],
    [{ "cache-control": "s-maxage=30" }, 30_000],
    [{ "cache-control": "s-maxage=600, max-age=5" }, 5000],
    [{ "cache-control": "max-age=60, no-cache" }, 0],
    [{ "cache-control": "no-store, max-age=60" }, 0],
    [{ "cache-control": "max-age=soon", expires: "Tue, 24 Nov 2026 13:00:00 GMT" }, 0],
    [{ "cache-control": "max-age=10, max-age=99" }, 10_000],
    [{ expires: "Tue, 24 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ expires: "Tue, 24 Nov 2026 12:00:30 GMT", date: "Tue, 24 Nov 2026 12:00:20 GMT" }, 10_000],
    [{ expires: "0" }, 0],
    [{ "cache-control": "max-age=0", expires: "Tue, 24 Nov 2026 13:00:00 GMT" }, 0],
    [{ "x-poll-interval": "60" }, 60_000],
    [{ "x-poll-interval": "60", "cache-control": "max-age=0, no-cache" }, 60_000],
    [{ "x-poll-interval": "60", "cache-control": "private, max-age=90" }, 90_000],
    [{ "x-poll-interval": "soon", "cache-control": "max-age=90" }, 90_000],
    [{}, 0],
  ])("%j: %d ms", (headers, ms) => {
    expect(freshForMs(headers as Record<string, string>, now)).toBe(ms);
  });
});
