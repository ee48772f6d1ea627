import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { FetchedPartition } from "@apispool/kafka-log/log-reader.js";
import { storeRecord } from "@apispool/kafka-log/testing/store-record.js";
import { Stretch } from "./stretch.js";

const partition = { topic: "t", partition: 3 };

/** A fetch's answer with records at some offsets, which goes on at `nextOffset`: markers and compacted records take offsets, too. */
function answer(offsets: readonly number[], nextOffset: number): FetchedPartition {
  const value = Buffer.alloc(100);
  return {
    ...partition,
    records: offsets.map((offset) => storeRecord({ offset, timestampMs: 1, key: null, value, headers: [] })),
    nextOffset,
    lastStableOffset: nextOffset,
    highWatermark: nextOffset,
    logStartOffset: 0,
    unreadable: [],
  };
}

const offsetsOf = (parts: readonly FetchedPartition[]): number[] =>
  parts.flatMap(({ records }) => records.map(({ offset }) => offset));

describe("the newest records of a partition", () => {
  it("are given from any offset on as they were added, whatever has been dropped", () => {
    const step = fc.record({
      /** For each offset whether there is a record. */
      there: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      drop: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 900 }), (steps, pieceBytes) => {
        const stretch = new Stretch(partition, 5);
        const log: number[] = [];
        const sizes: number[] = [];
        for (const { there, drop } of steps) {
          const from = stretch.to;
          const offsets = there.flatMap((is, i) => (is ? [from + i] : []));
          log.push(...offsets);
          sizes.push(...stretch.add(answer(offsets, from + there.length), pieceBytes));
          expect(stretch.to).toBe(from + there.length);
          for (let i = 0; i < drop && sizes.length > 0; i += 1) expect(stretch.dropOldest()).toBe(sizes.shift());
        }
        for (let offset = 0; offset <= stretch.to + 1; offset += 1) {
          const inside = offset >= stretch.from && offset < stretch.to;
          expect(stretch.holds(offset)).toBe(inside);
          if (!inside) continue;
          const read: number[] = [];
          for (let at = offset; at < stretch.to;) {
            const parts = stretch.read(at, 500);
            read.push(...offsetsOf(parts));
            at = parts.at(-1)?.nextOffset ?? stretch.to;
          }
          expect(read).toEqual(log.filter((o) => o >= offset));
        }
        expect(stretch.restart(7)).toBe(sizes.reduce((sum, size) => sum + size, 0));
        expect([stretch.from, stretch.to, stretch.holds(7)]).toEqual([7, 7, false]);
      }),
    );
  });

  it("are the very same for everybody, but for one who begins within a piece", () => {
    const stretch = new Stretch(partition, 0);
    stretch.add(answer([0, 1, 2], 4), 1_000_000);
    const [first] = stretch.read(0, 1);
    expect(stretch.read(0, 1)[0]).toBe(first);
    expect(first?.sharedBytes).toBeGreaterThan(300);
    const [within] = stretch.read(2, 1);
    expect([within?.sharedBytes, within?.records.map(({ offset }) => offset)]).toEqual([undefined, [2]]);
  });

  it("come with what could not be read, once", () => {
    const stretch = new Stretch(partition, 0);
    const unreadable = [{ fromOffset: 1, toOffset: 3, detail: "damaged" }];
    stretch.add({ ...answer([0, 3, 4, 5], 6), unreadable }, 250);
    const told = (offset: number): number => stretch.read(offset, 10_000).flatMap((part) => part.unreadable).length;
    expect([told(0), told(1), told(3)]).toEqual([1, 1, 0]);
  });
});
