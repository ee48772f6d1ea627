import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Keyset, RecordStore, StoreFilter, StoreOrder, StorePosition, StoreRow } from "../store.js";
import { parseWhere } from "../where/parse-where.js";
import { anyCountKey, anyFilter, anyOrder, anyRows, anySlice } from "./arbitrary-rows.js";
import { ModelStore, addTo, inOrder } from "./model-store.js";

/** Where a store keeps its data; whatever is opened there shares them, as processes do. */
export interface StorePlace {
  open(): Promise<RecordStore>;
  remove(): Promise<void>;
}

export interface ContractSize {
  /** How many rows are searched. */
  readonly rows: number;
  /** How many random questions are put. */
  readonly questions: number;
}

const everything: StoreFilter = { sources: [], ids: [], event: {}, ingested: {}, where: undefined, newestOnly: false };
const ascending: StoreOrder = { by: "ingested", descending: false };
const whole = { scan: 10_000, limit: 10_000, maxBytes: 100_000_000 };
const topicId = "0".repeat(32);

export function rowOf(source: string, partition: number, offset: number, more: Partial<StoreRow> = {}): StoreRow {
  return {
    source,
    partition,
    offset,
    id: `${source}-${offset}`,
    ingestedMs: 1_700_000_000_000 + offset,
    eventMs: undefined,
    key: null,
    value: Buffer.from(`{"n":${offset}}`),
    isJson: true,
    headers: Buffer.alloc(0),
    headerCount: 0,
    ...more,
  };
}

export function positionOf(source: string, partition: number, nextOffset: number, id = topicId): StorePosition {
  return { source, topicId: id, partition, nextOffset };
}

async function allOf(store: RecordStore, filter = everything): Promise<StoreRow[]> {
  return [...(await store.query(filter, ascending, undefined, whole)).rows];
}

function isSame(a: StoreRow, b: StoreRow): boolean {
  return a.source === b.source && a.partition === b.partition && a.offset === b.offset;
}

/** What every store has to do. Both stores are held to it, and so to each other. */
export function storeContract(kind: string, makePlace: () => Promise<StorePlace>, size: ContractSize): void {
  /** A store for the tests of one describe. */
  function opened(use: (place: StorePlace, store: RecordStore) => void): void {
    let place: StorePlace;
    let store: RecordStore;
    beforeAll(async () => {
      place = await makePlace();
      store = await place.open();
      use(place, store);
    }, 60_000);
    afterAll(async () => {
      await store.close();
      await place.remove();
    });
  }

  describe(`${kind}: what is asked of all records`, () => {
    let place: StorePlace;
    let store: RecordStore;
    let model: ModelStore;

    beforeAll(async () => {
      place = await makePlace();
      store = await place.open();
      const [rows = []] = fc.sample(anyRows(size.rows), { numRuns: 1, seed: 7 });
      model = new ModelStore(rows);
      for (let at = 0; at < rows.length; at += 20) {
        const batch = rows.slice(at, at + 20);
        await store.current.write(batch, [positionOf(batch[0]?.source ?? "", 0, 1)], []);
        // As after a crash: once more, with what comes next, in another order.
        if (at % 40 === 0) await store.current.write(rows.slice(Math.max(0, at - 10), at + 25).toReversed(), [], []);
      }
    }, 120_000);

    afterAll(async () => {
      await store.close();
      await place.remove();
    });

    it("is answered as by looking at each record, whatever steps it is taken in", async () => {
      await fc.assert(
        fc.asyncProperty(anyFilter, anyOrder, anySlice, async (filter, order, slice) => {
          const found: StoreRow[] = [];
          let after: Keyset | undefined;
          let steps = 0;
          do {
            const step = await store.query(filter, order, after, slice);
            expect(step.rows.length).toBeLessThanOrEqual(slice.limit);
            expect(step.scanned).toBeLessThanOrEqual(slice.scan);
            expect(step.scanned).toBeGreaterThanOrEqual(step.rows.length);
            found.push(...step.rows);
            after = step.next;
            steps += 1;
            expect(steps).toBeLessThan(size.rows * 2 + 2);
          } while (after !== undefined);
          expect(found).toEqual(model.query(filter, order));
        }),
        { numRuns: size.questions, seed: 11, endOnFailure: true },
      );
    }, 300_000);

    it("is counted as by looking at each record", async () => {
      await fc.assert(
        fc.asyncProperty(anyFilter, anyCountKey, anySlice, async (filter, key, { scan }) => {
          const counts = new Map<string, { source: string; fromMs: number | undefined; count: number }>();
          let after: Keyset | undefined;
          let steps = 0;
          do {
            const step = await store.count(filter, key, after, scan);
            for (const row of step.counts) addTo(counts, row);
            after = step.next;
            steps += 1;
            expect(steps).toBeLessThan(size.rows * 2 + 2);
          } while (after !== undefined);
          expect(inOrder([...counts.values()].filter(({ count }) => count > 0))).toEqual(model.count(filter, key));
        }),
        { numRuns: Math.ceil(size.questions / 2), seed: 13, endOnFailure: true },
      );
    }, 300_000);

    it("has every thing's versions, the newest first", async () => {
      const things = new Map(model.rows.map((row) => [JSON.stringify([row.source, row.id]), row]));
      for (const { source, id } of [...things.values()].slice(0, 10)) {
        const all = model.versions(source, id);
        expect(await store.versions(source, id, 1000, 1e9)).toEqual({ rows: all, more: false });
        expect(await store.versions(source, id, 1, 1e9)).toEqual({ rows: all.slice(0, 1), more: all.length > 1 });
        expect(await store.versions(source, id, 1000, 1)).toEqual({ rows: all.slice(0, 1), more: all.length > 1 });
      }
      expect(await store.versions("quakes", "unknown", 10, 1e9)).toEqual({ rows: [], more: false });
    });

    it("is read along a partition from any offset", async () => {
      const partition = model.rows.filter((row) => row.source === "quakes" && row.partition === 1);
      for (const from of [0, ...partition.map(({ offset }) => offset + 1)].slice(0, 6)) {
        const after = partition.filter(({ offset }) => offset >= from);
        expect((await store.read("quakes", 1, from, 1e9)).rows).toEqual(after);
        expect((await store.read("quakes", 1, from, 1)).rows).toEqual(after.slice(0, 1));
      }
    });

    it("has so many records of each source", async () => {
      const sizes = (await store.sizes()).toSorted((a, b) => (a.source < b.source ? -1 : 1));
      const counted = model.count(everything, { bySource: true, bucket: undefined, time: "ingested" });
      expect(sizes).toEqual(counted.map(({ source, count }) => ({ source, records: count })));
    });

    it("breaks off when it is told to", async () => {
      await expect(store.query(everything, ascending, undefined, whole, AbortSignal.abort())).rejects.toMatchObject({
        name: "AbortError",
      });
    });
  });

  describe(`${kind}: what is written`, () => {
    let place: StorePlace;
    let store: RecordStore;
    opened((one, its) => ([place, store] = [one, its]));

    it("moves positions forward only, and anew where the topic is another one", async () => {
      const { current } = store;
      const mine = async (): Promise<unknown> => (await current.positions()).filter(({ source }) => source === "moved");
      await current.write([], [positionOf("moved", 0, 10), positionOf("moved", 1, 5)], []);
      await current.write([], [positionOf("moved", 0, 7), positionOf("moved", 1, 6)], []);
      expect(await mine()).toEqual([positionOf("moved", 0, 10), positionOf("moved", 1, 6)]);
      const other = "1".repeat(32);
      await current.write([], [positionOf("moved", 0, 2, other)], []);
      expect(await mine()).toEqual([positionOf("moved", 0, 2, other), positionOf("moved", 1, 6)]);
    });

    it("stays as it was when it comes again, and tells its gaps once", async () => {
      const gap = {
        source: "again",
        topicId,
        partition: 0,
        fromOffset: 2,
        toOffset: 4,
        reason: "expired",
        detail: "gone",
      } as const;
      const rows = [rowOf("again", 0, 1), rowOf("again", 0, 4)];
      await store.current.write(rows, [positionOf("again", 0, 5)], [gap]);
      await store.current.write(
        [rowOf("again", 0, 1, { value: Buffer.from("{}") })],
        [positionOf("again", 0, 5)],
        [gap],
      );
      const until = { topicId, offset: 5 };
      expect(await store.read("again", 0, 0, 1e6)).toEqual({ rows, gaps: [gap], until, removedBefore: 0 });
      expect(await store.read("again", 0, 4, 1e6)).toEqual({ rows: rows.slice(1), gaps: [], until, removedBefore: 0 });
      expect((await store.read("again", 0, 3, 1e6)).gaps).toEqual([gap]);
    });

    it("is the same when two write it at once", async () => {
      const other = await place.open();
      const rows = Array.from({ length: 120 }, (_, offset) => rowOf("two", 0, offset, { id: `thing-${offset % 7}` }));
      const project = async (by: RecordStore, step: number): Promise<void> => {
        await by.current.positions();
        for (let at = 0; at < rows.length; at += step) {
          const batch = rows.slice(at, at + step);
          await by.current.write(batch, [positionOf("two", 0, at + batch.length)], []);
        }
      };
      await Promise.all([project(store, 17), project(other, 11)]);
      const filter = { ...everything, sources: ["two"] };
      expect(await allOf(store, filter)).toEqual(rows);
      expect(await allOf(other, { ...filter, newestOnly: true })).toEqual(rows.slice(-7));
      expect((await store.current.positions()).filter(({ source }) => source === "two")).toEqual([
        positionOf("two", 0, 120),
      ]);
      await other.close();
    });

    it("is forgotten with all that is known of its source", async () => {
      await store.current.write([rowOf("lost", 0, 1), rowOf("kept", 0, 1)], [positionOf("lost", 0, 2)], []);
      await store.current.forget("lost");
      expect(await allOf(store, { ...everything, sources: ["lost"] })).toEqual([]);
      expect((await store.current.positions()).filter(({ source }) => source === "lost")).toEqual([]);
      const again = rowOf("lost", 0, 1, { value: Buffer.from('{"new":true}') });
      await store.current.write([again], [positionOf("lost", 0, 2, "2".repeat(32))], []);
      expect(await allOf(store, { ...everything, sources: ["lost", "kept"] })).toEqual([rowOf("kept", 0, 1), again]);
    });

    it("is read up to a place before which nothing is missing", async () => {
      const rows = Array.from({ length: 10 }, (_, offset) => rowOf("told", 0, offset));
      await store.current.write(rows, [positionOf("told", 0, 12)], []);
      const untilOf = async (from: number, maxBytes: number): Promise<unknown> =>
        (await store.read("told", 0, from, maxBytes)).until;
      // Behind the last row there may be the end of a transaction; where reading is cut off, it is cut off.
      expect(await untilOf(0, 1e6)).toEqual({ topicId, offset: 12 });
      expect(await untilOf(4, 1)).toEqual({ topicId, offset: 5 });
      expect(await untilOf(10, 1)).toEqual({ topicId, offset: 12 });
      expect(await untilOf(99, 1e6)).toEqual({ topicId, offset: 12 });
      expect((await store.read("told", 1, 0, 1e6)).until).toBeUndefined();
      await store.current.forget("told");
      expect(await store.read("told", 0, 0, 1e6)).toEqual({ rows: [], gaps: [], until: undefined, removedBefore: 0 });
    });

    it("is found by a condition however large it is", async () => {
      const value = Buffer.from(JSON.stringify({ a: "x".repeat(1_200_000), b: 5 }));
      await store.current.write([rowOf("large", 0, 0, { value })], [positionOf("large", 0, 1)], []);
      // jest compares buffers byte by byte, which takes it minutes.
      const found = async (where: string): Promise<unknown[]> =>
        (await allOf(store, { ...everything, sources: ["large"], where: parseWhere(where) })).map((row) =>
          row.value?.equals(value),
        );
      expect(await found("b >= 5 and a > 'w'")).toEqual([true]);
      expect(await found("b > 5")).toEqual([]);
    });
  });

  describe(`${kind}: what is removed because it is too old`, () => {
    let store: RecordStore;
    opened((_place, its) => (store = its));

    const removalsOf = async (source: string): Promise<unknown> =>
      (await store.removals()).filter((removal) => removal.source === source);

    it("goes piece by piece, no version before an older one, and nothing else does", async () => {
      const beforeMs = 1_700_000_000_001;
      const [any = []] = fc.sample(anyRows(Math.min(60, size.rows)), { numRuns: 1, seed: 5 });
      // A record without a time stays, so it is no version of anything here.
      const rows = any.map((row) => (row.ingestedMs < 0 ? { ...row, id: "" } : row));
      await store.current.write(rows, [], []);
      const newest = new ModelStore(rows).query({ ...everything, newestOnly: true }, ascending);
      let left = rows;
      for (let some = 4; some > 0;) {
        some = await store.current.removeBefore("quakes", beforeMs, 4);
        const there = await allOf(store);
        const model = new ModelStore(left.filter((row) => there.some((other) => isSame(row, other))));
        expect(model.rows).toHaveLength(left.length - some);
        expect(there).toEqual(model.query(everything, ascending));
        const newestNow = await allOf(store, { ...everything, newestOnly: true });
        expect(newestNow).toEqual(newest.filter((row) => there.some((other) => isSame(row, other))));
        expect(newestNow).toEqual(model.query({ ...everything, newestOnly: true }, ascending));
        const counted = model.count(everything, { bySource: true, bucket: undefined, time: "ingested" });
        const sizes = (await store.sizes()).filter(({ records }) => records > 0);
        expect(sizes).toEqual(counted.map(({ source, count }) => ({ source, records: count })));
        left = [...model.rows];
      }
      const isOld = ({ source, ingestedMs }: StoreRow): boolean =>
        source === "quakes" && ingestedMs >= 0 && ingestedMs < beforeMs;
      expect(left).toEqual(rows.filter((row) => !isOld(row)));
      const old = rows.filter(isOld);
      expect(old.length).toBeGreaterThan(5);
      const told = [...new Set(old.map(({ partition }) => partition))]
        .sort((a, b) => a - b)
        .map((partition) => {
          const own = old.filter((row) => row.partition === partition);
          return {
            source: "quakes",
            partition,
            beforeOffset: Math.max(...own.map(({ offset }) => offset)) + 1,
            beforeMs: Math.max(...own.map(({ ingestedMs }) => ingestedMs)) + 1,
          };
        });
      expect(await store.removals()).toEqual(told);
      for (const { partition, beforeOffset } of told) {
        expect((await store.read("quakes", partition, 0, 1e9)).removedBefore).toBe(beforeOffset);
      }
      expect((await store.read("fx-rates", 0, 0, 1e9)).removedBefore).toBe(0);
      // Another process has it once more; what was said stays.
      await store.current.write(old.slice(0, 5), [], []);
      expect(await store.current.removeBefore("quakes", beforeMs, 1000)).toBe(5);
      expect(await store.current.removeBefore("quakes", beforeMs, 1000)).toBe(0);
      expect(await store.current.removeBefore("unknown", beforeMs, 1000)).toBe(0);
      expect([await store.removals(), (await allOf(store)).length]).toEqual([told, left.length]);
    }, 60_000);

    it("is said of what was never read, too; never takes a word back; is forgotten with its source and not in a rebuild", async () => {
      const removal = { source: "skipped", partition: 2, beforeOffset: 50, beforeMs: 1000 };
      await store.current.write([], [positionOf("skipped", 2, 50)], [], [removal]);
      await store.current.write([], [], [], [{ ...removal, beforeOffset: 40, beforeMs: 2000 }]);
      expect(await removalsOf("skipped")).toEqual([{ ...removal, beforeMs: 2000 }]);
      await store.current.write([rowOf("skipped", 2, 60, { ingestedMs: 3000 })], [], []);
      expect(await store.current.removeBefore("skipped", 3000, 10)).toBe(0);
      expect(await store.current.removeBefore("skipped", 3001, 10)).toBe(1);
      expect(await removalsOf("skipped")).toEqual([{ ...removal, beforeOffset: 61, beforeMs: 3001 }]);
      expect((await store.current.positions()).filter(({ source }) => source === "skipped")).toEqual([
        positionOf("skipped", 2, 50),
      ]);
      const building = await store.beginRebuild();
      const other = { ...removal, beforeOffset: 7 };
      await building.write([rowOf("skipped", 2, 70)], [positionOf("skipped", 2, 71)], [], [other]);
      expect(await removalsOf("skipped")).toHaveLength(1);
      await store.finishRebuild();
      expect(await store.removals()).toEqual([other]);
      await store.current.forget("skipped");
      expect(await store.removals()).toEqual([]);
    }, 60_000);
  });

  describe(`${kind}: a rebuild`, () => {
    it("answers from the old one until it takes its place, for all processes, and is found again after a crash", async () => {
      const place = await makePlace();
      const store = await place.open();
      const other = await place.open();
      try {
        await store.current.write([rowOf("old", 0, 0)], [positionOf("old", 0, 1)], []);
        expect(await store.building()).toBeUndefined();
        const first = await store.beginRebuild();
        await first.write([rowOf("dropped", 0, 0)], [positionOf("dropped", 0, 1)], []);
        await store.beginRebuild();
        const building = await other.building();
        if (building === undefined) throw new Error("it is not found");
        expect(await building.positions()).toEqual([]);
        await building.write([rowOf("new", 0, 0)], [positionOf("new", 0, 1)], []);
        expect(await (await other.building())?.positions()).toEqual([positionOf("new", 0, 1)]);
        expect(await allOf(store)).toEqual([rowOf("old", 0, 0)]);
        await other.finishRebuild();
        for (const each of [store, other]) {
          expect(await allOf(each)).toEqual([rowOf("new", 0, 0)]);
          expect(await each.current.positions()).toEqual([positionOf("new", 0, 1)]);
          expect(await each.building()).toBeUndefined();
          expect(await each.sizes()).toEqual([{ source: "new", records: 1 }]);
        }
      } finally {
        await store.close();
        await other.close();
        await place.remove();
      }
    }, 60_000);
  });
}
