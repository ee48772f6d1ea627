import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BatchMemory } from "./batch-memory.js";

const MB = 1024 * 1024;

describe("memory for record batches", () => {
  it("gives the same memory again once it was given back, and not before", () => {
    const memory = new BatchMemory();
    const first = memory.take(700_000);
    expect(memory.take(700_000).buffer).not.toBe(first.buffer);
    memory.giveBack(first);
    const again = memory.take(740_000 - 40_000 + 10_000);
    expect(again.buffer).toBe(first.buffer);
    expect(again).toHaveLength(710_000);
    expect(memory.take(1000).buffer).not.toBe(first.buffer);
  });

  it("keeps no more than a few requests' worth", () => {
    const memory = new BatchMemory();
    const taken = Array.from({ length: 10 }, () => memory.take(MB));
    for (const one of taken) memory.giveBack(one);
    const before = new Set(taken.map(({ buffer }) => buffer));
    const again = Array.from({ length: 10 }, () => memory.take(MB).buffer);
    expect(again.filter((buffer) => before.has(buffer))).toHaveLength(4);
  });

  it("never gives the same bytes to two at a time", () => {
    const size = fc.integer({ min: 1, max: 3 * MB });
    fc.assert(
      fc.property(fc.array(fc.tuple(size, fc.boolean()), { maxLength: 40 }), (steps) => {
        const memory = new BatchMemory();
        const held: Buffer[] = [];
        for (const [bytes, giveBack] of steps) {
          const oldest = giveBack ? held.shift() : undefined;
          if (oldest !== undefined) memory.giveBack(oldest);
          const taken = memory.take(bytes);
          expect(taken).toHaveLength(bytes);
          held.push(taken);
        }
        const ranges = held
          .map(({ buffer, byteOffset, length }) => ({ buffer, from: byteOffset, to: byteOffset + length }))
          .toSorted((a, b) => a.from - b.from);
        for (const [index, one] of ranges.entries()) {
          for (const other of ranges.slice(index + 1)) {
            expect(one.buffer !== other.buffer || one.to <= other.from).toBe(true);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
