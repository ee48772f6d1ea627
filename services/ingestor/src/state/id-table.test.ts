import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { contentHash } from "../extract/content-hash.js";
import { IdTable } from "./id-table.js";

type Value = string | { readonly n: number };

const id = fc.oneof(
  fc.integer({ min: 0, max: 60 }).map(String),
  fc.integer({ min: 0, max: 60 }).map((n) => `a-name-that-is-longer-than-a-short-one-${n}`),
  fc.constantFrom("", "é".repeat(15), "é".repeat(16), "\u0100", "\0", "\0\0", "x".repeat(15), "x".repeat(16)),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 1000 }).map((n) => contentHash(Buffer.from(String(n)))) },
  fc.constantFrom("", "no hash", "F".repeat(32), "f".repeat(32), "0".repeat(32), "0".repeat(33), "g".repeat(32)),
  fc.integer().map((n) => ({ n })),
);
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ does: fc.constant("set" as const), id, value }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("get" as const), id }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("deleteOldest" as const) }) },
  fc.record({ does: fc.constant("moveTo" as const) }),
  fc.record({ does: fc.constant("clear" as const) }),
);

/** What a table holds, oldest first, by taking it apart. */
function contents(table: IdTable<Value>, ids: Iterable<string>): (readonly [string, unknown])[] {
  const all: (readonly [string, unknown])[] = [];
  const left = new Set(ids);
  while (table.size > 0) {
    const before = new Map([...left].map((one) => [one, table.get(one)]));
    table.deleteOldest();
    for (const one of left) {
      if (before.get(one) === undefined || table.get(one) !== undefined) continue;
      all.push([one, before.get(one)]);
      left.delete(one);
    }
  }
  return all;
}

describe("a table of ids", () => {
  it("is a map in the order of setting", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        let [model, other] = [new Map<string, Value>(), new Map<string, Value>()];
        let [table, otherTable] = [new IdTable<Value>(), new IdTable<Value>()];
        const set = (map: Map<string, Value>, key: string, to: Value): void => {
          map.delete(key);
          map.set(key, to);
        };
        for (const taken of steps) {
          if (taken.does === "set") {
            set(model, taken.id, taken.value);
            table.set(taken.id, taken.value);
          } else if (taken.does === "get") {
            expect(table.get(taken.id)).toEqual(model.get(taken.id));
          } else if (taken.does === "deleteOldest") {
            for (const oldest of [...model.keys()].slice(0, 1)) model.delete(oldest);
            table.deleteOldest();
          } else if (taken.does === "clear") {
            model.clear();
            table.clear();
          } else {
            for (const [key, moved] of model) set(other, key, typeof moved === "string" ? moved : { n: moved.n + 1 });
            model.clear();
            table.moveTo(otherTable, (moved) => (typeof moved === "string" ? moved : { n: moved.n + 1 }));
            expect(table.size).toBe(0);
            [model, other] = [other, model];
            [table, otherTable] = [otherTable, table];
          }
          expect(table.size).toBe(model.size);
        }
        expect(contents(table, model.keys())).toEqual([...model]);
        expect(contents(otherTable, other.keys())).toEqual([...other]);
      }),
      { numRuns: 300 },
    );
  });

  it("slides over far more ids than it holds", () => {
    const table = new IdTable<never>();
    const hashOf = (n: number): string => contentHash(Buffer.from(String(n)));
    const [all, held] = [50_000, 6000];
    for (let n = 0; n < all; n += 1) {
      table.set(`things/${n}`, hashOf(n));
      if (table.size > held) table.deleteOldest();
    }
    const found = Array.from({ length: all }, (_, n) => table.get(`things/${n}`) === hashOf(n));
    expect(found.indexOf(true)).toBe(all - held);
    expect(found.filter(Boolean)).toHaveLength(held);
  });
});
