import { describe, expect, it } from "@jest/globals";
import { ago, ahead, bytes, coarse, count, counted, moment, msOf, rate, span } from "./format.js";

describe("what people read", () => {
  it.each([
    [0, "0"],
    [1234, "1,234"],
    [2n ** 60n, "1,152,921,504,606,846,976"],
  ])("counts %p as %s, exactly", (value, text) => expect(count(value)).toBe(text));

  it("counts one thing as one", () => {
    expect(counted(1n, "record")).toBe("1 record");
    expect(counted(0, "record")).toBe("0 records");
    expect(counted(1200, "record")).toBe("1,200 records");
  });

  it.each([
    [0, "0"],
    [0.01, "<0.1"],
    [0.26, "0.3"],
    [9.94, "9.9"],
    [9.96, "10"],
    [1234.5, "1,235"],
  ])("gives a rate of %p as %s", (value, text) => expect(rate(value)).toBe(text));

  it.each([
    [0.4, "0 ms"],
    [250, "250 ms"],
    [1234, "1.2 s"],
    [9960, "10 s"],
    [89_000, "89 s"],
    [90_000, "2 min"],
    [5_400_000, "2 h"],
    [3_600_000 * 35, "35 h"],
    [3_600_000 * 48, "2 d"],
    [-5, "0 ms"],
  ])("gives %p ms as %s", (ms, text) => expect(span(ms)).toBe(text));

  it("never counts below zero where clocks differ", () => {
    expect(coarse(-3000)).toBe("0 s");
    expect(ago(2000, 1000)).toBe("just now");
    expect(ahead(1000, 2000)).toBe("now");
    expect(ahead(5000, 2000)).toBe("in 3 s");
    expect(ago(1000, 61_000)).toBe("60 s ago");
  });

  it("gives the date only where it is not today's", () => {
    const noon = new Date(2026, 10, 24, 12, 3, 4, 56).getTime();
    expect(moment(noon, noon + 1000)).toBe("12:03:04.056");
    expect(moment(noon, noon + 86_400_000)).toBe("24 Nov 2026, 12:03:04");
  });

  it("gives sizes", () => {
    expect([bytes(999), bytes(1500), bytes(2_340_000)]).toEqual(["999 B", "1.5 kB", "2.3 MB"]);
  });

  it("takes a protobuf time apart", () => {
    expect(msOf({ $typeName: "google.protobuf.Timestamp", seconds: 1_700_000_000n, nanos: 5_000_000 })).toBe(
      1_700_000_000_005,
    );
    expect(msOf(undefined)).toBeUndefined();
  });
});
