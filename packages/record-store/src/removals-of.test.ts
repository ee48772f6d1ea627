import { expect, it } from "@jest/globals";
import { removalsOf, removedAtOnce } from "./removals-of.js";
import { REMOVE_BYTES } from "./store.js";

it("removes about so many bytes at a time, and one record at least", () => {
  const rows = (...sizes: number[]) => sizes.map((bytes, i) => ({ bytes, i }));
  const half = REMOVE_BYTES / 2;
  const taken = (...sizes: number[]): number => removedAtOnce(rows(...sizes)).length;
  expect([taken(), taken(1, 1, 1), taken(half, half), taken(half, half, 1), taken(half + 1, half, 1)]).toEqual([
    0, 3, 2, 2, 1,
  ]);
  expect([taken(REMOVE_BYTES * 2), taken(REMOVE_BYTES * 2, 1), taken(1, REMOVE_BYTES)]).toEqual([1, 1, 1]);
});

it("says of each partition up to where and until when something was removed", () => {
  const rows = [
    { partition: 1, offset: 7, ingestedMs: 100 },
    { partition: 0, offset: 3, ingestedMs: 90 },
    { partition: 1, offset: 2, ingestedMs: 300 },
  ];
  expect(removalsOf("quakes", rows)).toEqual([
    { source: "quakes", partition: 1, beforeOffset: 8, beforeMs: 301 },
    { source: "quakes", partition: 0, beforeOffset: 4, beforeMs: 91 },
  ]);
});
