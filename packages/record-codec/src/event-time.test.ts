import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { eventTimeMs } from "./event-time.js";

const read = (text: string): number | undefined => {
  const bytes = Buffer.from(`~${text}~`);
  return eventTimeMs(bytes, 1, bytes.length - 2);
};
const plainly = (text: string): number | undefined => {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
};

describe("the time of an event", () => {
  it("is what Date.parse makes of it, however it is written", () => {
    const two = fc.nat(99).map((n) => String(n).padStart(2, "0"));
    const day = fc.tuple(fc.constantFrom("2024", "1969", "0099", "20x4"), two, two).map((parts) => parts.join("-"));
    const clock = fc.tuple(two, two, two).map((parts) => parts.join(":"));
    const rest = fc.constantFrom("Z", ".123Z", ".1Z", "+01:00", "", ".12xZ", "x123Z");
    const made = fc.tuple(day, fc.constantFrom("T", "t", " "), clock, rest).map((parts) => parts.join(""));
    const real = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
    fc.assert(
      fc.property(fc.oneof(made, real, fc.string({ unit: "binary-ascii" })), (text) => {
        expect(read(text)).toBe(plainly(text));
      }),
      { numRuns: 5000 },
    );
  });

  it.each(["2023-02-29T12:00:00Z", "2024-02-30T12:00:00Z", "2024-04-31T00:00:00.000Z", "2024-02-29T23:59:59.999Z"])(
    "takes %s as Date.parse does",
    (text) => {
      expect([read(text), read(text)]).toEqual([plainly(text), plainly(text)]);
    },
  );
});
