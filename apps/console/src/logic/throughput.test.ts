import { describe, expect, it } from "@jest/globals";
import { Throughput, bucketCount, bucketMs, niceCeiling, ratesOf } from "./throughput.js";

const start = 1_000_000 * bucketMs;

describe("throughput", () => {
  it("counts what a counter rose by, in pieces of five seconds, for each source and for all", () => {
    const plot = new Throughput();
    plot.take("a", 1000n, start);
    plot.take("b", 50n, start);
    plot.take("a", 1010n, start + 1000);
    plot.take("b", 55n, start + bucketMs);
    plot.take("a", 1011n, start + bucketMs);
    expect(plot.buckets().slice(-2)).toEqual([10, 6]);
    expect(plot.buckets("a").slice(-2)).toEqual([10, 1]);
    expect(plot.buckets("b").slice(-2)).toEqual([0, 5]);
  });

  it("knows nothing of the time before it looked, and does not take what was written then for new", () => {
    const plot = new Throughput();
    plot.take("a", 5_000_000n, start);
    expect(plot.buckets().length).toBe(bucketCount);
    expect(
      plot
        .buckets()
        .slice(0, -1)
        .every((bucket) => bucket === undefined),
    ).toBe(true);
    expect(plot.buckets().at(-1)).toBe(0);
  });

  it("leaves a hole where the connection was gone", () => {
    const plot = new Throughput();
    plot.take("a", 10n, start);
    plot.interrupt();
    plot.advance(start + 3 * bucketMs, false);
    plot.take("a", 99n, start + 3 * bucketMs);
    plot.take("a", 101n, start + 3 * bucketMs);
    expect(plot.buckets().slice(-4)).toEqual([0, undefined, undefined, 2]);
  });

  it("begins anew where a counter is lower than before", () => {
    const plot = new Throughput();
    plot.take("a", 100n, start);
    plot.take("a", 3n, start);
    plot.take("a", 7n, start);
    expect(plot.buckets().at(-1)).toBe(4);
  });

  it("keeps five minutes, however long the pause", () => {
    const plot = new Throughput();
    plot.take("a", 1n, start);
    plot.advance(start + 1000 * bucketMs, true);
    expect(plot.buckets()).toEqual(Array.from({ length: bucketCount }, () => 0));
  });

  it("gives rates a second of what is known", () => {
    const buckets = [undefined, undefined, 500, 0, 0, 0, 0, 0, 50];
    expect(ratesOf(buckets)).toEqual({
      now: expect.closeTo(50 / 6 / 5),
      mean: expect.closeTo(550 / 7 / 5),
      peak: 100,
      knownMs: 7 * bucketMs,
    });
    expect(ratesOf([])).toEqual({ now: 0, mean: 0, peak: 0, knownMs: 0 });
  });

  it("ends an axis at 1, 2 or 5 times a power of ten", () => {
    expect([0, 0.3, 1, 1.1, 3, 50, 51, 700].map(niceCeiling)).toEqual([1, 0.5, 1, 2, 5, 50, 100, 1000]);
  });
});
