import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { fetchSize } from "./fetch-size.js";

it("asks for as much as there is room for where nothing is known, or a batch is larger", () => {
  expect(fetchSize(1000, undefined)).toBe(1000);
  expect(fetchSize(1000, 5000)).toBe(1000);
});

it("leaves out the batch that would be cut off", () => {
  expect(fetchSize(1_048_576, 778_000)).toBe(801_340);
  expect(fetchSize(262_144, 97_000)).toBe(199_820);
});

it("never asks for more than there is room for, nor for less than half of it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1024, max: 2 ** 26 }), fc.integer({ min: 61, max: 2 ** 27 }), (most, batch) => {
      const size = fetchSize(most, batch);
      expect(size).toBeLessThanOrEqual(most);
      expect(size).toBeGreaterThan(most / 2);
    }),
  );
});
