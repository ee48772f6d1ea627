import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { CursorConfig } from "../config/source-config.js";
import { path } from "../testing/expressions.js";
import { HighWater } from "./high-water.js";

const NOW = Date.parse("2024-06-01T00:00:00Z");
const config = (changes: Partial<CursorConfig> = {}): CursorConfig => ({
  field: path("t"),
  type: "time",
  initial: undefined,
  overlap: 0,
  format: "rfc3339",
  ...changes,
});

describe("the high-water mark", () => {
  it("is the greatest value that was seen, whatever comes after", () => {
    const mark = new HighWater(config());
    expect(mark.value).toBeUndefined();
    expect(mark.next(NOW)).toBeUndefined();
    for (const value of ["2024-01-02T00:00:00.000Z", undefined, "2024-01-01T00:00:00.000Z"]) mark.observe(value);
    expect(mark.value).toBe("2024-01-02T00:00:00.000Z");
    expect(new HighWater(config(), mark.value).next(NOW)).toBe("2024-01-02T00:00:00Z");
  });

  it.each([
    ["rfc3339", "2024-01-01T00:00:00.500Z", "2023-12-31T23:55:00.500Z"],
    ["rfc3339", "2024-01-01T00:00:00.000Z", "2023-12-31T23:55:00Z"],
    ["unix", "2024-01-01T00:00:00.999Z", "1704066900"],
    ["unix_ms", "2024-01-01T00:00:00.999Z", "1704066900999"],
  ] as const)("is written as %s, less the overlap", (format, value, expected) => {
    expect(new HighWater(config({ format, overlap: 300_000 }), value).next(NOW)).toBe(expected);
  });

  it("of numbers keeps every digit, and compares them as numbers", () => {
    const mark = new HighWater(config({ type: "number", overlap: 2 }));
    for (const value of ["9", "10", "9007199254740993", "9007199254740992.5"]) mark.observe(value);
    expect(mark.value).toBe("9007199254740993");
    expect(mark.next(NOW)).toBe("9007199254740991");
  });

  it("of texts is the last in order", () => {
    const mark = new HighWater(config({ type: "string", initial: "b" }));
    mark.observe("a");
    expect(mark.next(NOW)).toBe("b");
    mark.observe("c");
    expect(mark.next(NOW)).toBe("c");
  });

  it("begins with the initial value, as it was written, and never goes below it", () => {
    const mark = new HighWater(config({ initial: "2024-01-01", overlap: 5000 }));
    expect(mark.next(NOW)).toBe("2024-01-01");
    mark.observe("2023-06-01T00:00:00.000Z");
    expect(mark.next(NOW)).toBe("2024-01-01");
    mark.observe("2024-02-01T00:00:00.000Z");
    expect(mark.next(NOW)).toBe("2024-01-31T23:59:55Z");
  });

  it("is not led into the future by one record with a wrong clock", () => {
    expect(new HighWater(config(), "2099-01-01T00:00:00.000Z").next(NOW)).toBe("2024-06-01T00:00:00Z");
  });

  it("that was kept under another type is forgotten", () => {
    expect(new HighWater(config({ initial: "2020-01-01" }), "no time").next(NOW)).toBe("2020-01-01");
  });

  it("never goes back, in whatever order values come", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt()), (values) => {
        const mark = new HighWater(config({ type: "number" }));
        let highest: bigint | undefined;
        for (const value of values) {
          mark.observe(String(value));
          highest = highest === undefined || value > highest ? value : highest;
          expect(mark.value).toBe(String(highest));
        }
      }),
    );
  });
});
