import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { rpcError } from "@apispool/common/errors.js";
import { Code } from "@connectrpc/connect";
import type { FetchOptions, LogReader } from "@apispool/kafka-log/log-reader.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { StoreEnds } from "@apispool/record-store/reading/store-ends.js";
import { storeLogReader } from "@apispool/record-store/reading/store-log-reader.js";
import type { RecordStore, StoreGap, StoreRow } from "@apispool/record-store/store.js";

const names = namesFor("apispool");
const topic = names.records("quakes");
const topicId = "a".repeat(32);
const another = "b".repeat(32);
const options: FetchOptions = { maxBytes: 1e6, maxBytesPerPartition: 1e6, maxWaitMs: 0 };

/** What Kafka and the store each have of one partition: offsets of records, and from where to where they speak. */
interface World {
  /** The offsets that hold a record. */
  readonly records: readonly number[];
  readonly logStart: number;
  readonly logEnd: number;
  readonly storeEnd: number;
  readonly gaps: readonly StoreGap[];
  /** Before it the store has removed what was too old, all but these. */
  readonly removedBefore?: number;
  readonly young?: readonly number[];
  readonly rowsEach: number;
  readonly storeIs: "there" | "away" | "of another topic" | "of another topic by now";
}

function rowAt(offset: number): StoreRow {
  const bytes = Buffer.from(String(offset));
  const rest = { id: "", ingestedMs: 1000 + offset, eventMs: undefined, key: null, isJson: true };
  return { source: "quakes", partition: 0, offset, value: bytes, headers: Buffer.alloc(0), headerCount: 0, ...rest };
}

/** Only what is asked for here. */
function kafkaOf({ records, logStart, logEnd }: World): LogReader {
  const fake: Partial<LogReader> = {
    topics: () => Promise.resolve([{ name: topic, topicId, partitions: [0] }]),
    fetch: (positions) =>
      Promise.resolve(
        positions.map(({ offset }) => {
          const common = {
            topic,
            partition: 0,
            lastStableOffset: logEnd,
            highWatermark: logEnd,
            logStartOffset: logStart,
            unreadable: [],
          };
          if (offset < logStart)
            return { ...common, records: [], nextOffset: logStart, outOfRange: "expired" as const };
          const found = records
            .filter((at) => at >= offset && at < logEnd)
            .map((at) => ({ offset: at, bytes: Buffer.from(String(at)) }));
          return { ...common, records: found as never, nextOffset: logEnd };
        }),
      ),
    offsetsAt: (at, partitions) =>
      Promise.resolve(partitions.map((place) => ({ ...place, offset: at === "latest" ? logEnd : logStart }))),
  };
  return fake as LogReader;
}

function isRemoved({ removedBefore = 0, young = [] }: World, offset: number): boolean {
  return offset < removedBefore && !young.includes(offset);
}

function storeOf(world: World): RecordStore {
  const { records, storeEnd, gaps, rowsEach, storeIs, removedBefore = 0 } = world;
  const away = (): Promise<never> => Promise.reject(rpcError(Code.Unavailable, "STORE_UNAVAILABLE", "away"));
  const isLost = (offset: number): boolean => gaps.some((gap) => offset >= gap.fromOffset && offset < gap.toOffset);
  const there = {
    source: "quakes",
    partition: 0,
    topicId: storeIs === "of another topic" ? another : topicId,
    nextOffset: storeEnd,
  };
  return {
    current: { positions: () => (storeIs === "away" ? away() : Promise.resolve([there])) },
    read: (_source: string, _partition: number, from: number) => {
      if (storeIs === "away") return away();
      const has = records.filter((at) => at >= from && !isLost(at) && !isRemoved(world, at));
      // What is just being written may be there in parts.
      const rows = has.filter((at) => at < storeEnd || at % 2 === 0).slice(0, rowsEach);
      const last = rows.length === rowsEach ? (rows.at(-1) ?? 0) : Infinity;
      return Promise.resolve({
        rows: rows.map(rowAt),
        gaps: gaps.filter((gap) => gap.toOffset > from && gap.fromOffset <= last),
        removedBefore,
        until: {
          topicId: storeIs === "of another topic by now" ? another : there.topicId,
          offset: Math.min(last + 1, storeEnd),
        },
      });
    },
  } as unknown as RecordStore;
}

/** Reads from an offset to the end of the log: the records, and what was said to be lost or damaged. */
async function readAll(world: World, from: number): Promise<{ records: number[]; lost: [number, number][] }> {
  const store = storeOf(world);
  const log = storeLogReader(kafkaOf(world), store, new StoreEnds(store, names, []));
  await log.topics(names.recordsPrefix);
  const records: number[] = [];
  const lost: [number, number][] = [];
  for (let offset = from, steps = 0; offset < world.logEnd; steps += 1) {
    const [answer] = await log.fetch([{ topic, partition: 0, offset }], options);
    if (answer === undefined || steps > 200) throw new Error(`stuck at ${offset}`);
    expect(answer.nextOffset).toBeGreaterThan(offset);
    records.push(...answer.records.map((record) => record.offset));
    if (answer.outOfRange !== undefined) lost.push([offset, answer.nextOffset]);
    for (const { fromOffset, toOffset } of answer.unreadable) lost.push([fromOffset, toOffset]);
    offset = answer.nextOffset;
  }
  return { records, lost };
}

const anyWorld = fc
  .record({
    count: fc.integer({ min: 1, max: 30 }),
    holes: fc.array(fc.nat({ max: 29 })),
    start: fc.nat({ max: 30 }),
    // Kafka begins in the gap, or close to it.
    startInGap: fc.option(fc.integer({ min: -1, max: 6 })),
    storeEnd: fc.nat({ max: 30 }),
    lostFrom: fc.nat({ max: 30 }),
    lost: fc.nat({ max: 5 }),
    removedBefore: fc.oneof(fc.constant(0), fc.nat({ max: 30 })),
    young: fc.array(fc.nat({ max: 29 }), { maxLength: 6 }),
    reason: fc.constantFrom("expired" as const, "unreadable" as const),
    rowsEach: fc.integer({ min: 1, max: 5 }),
    storeIs: fc.constantFrom(
      "there" as const,
      "there" as const,
      "of another topic" as const,
      "of another topic by now" as const,
    ),
  })
  .map((made): World => {
    const {
      count,
      holes,
      start,
      startInGap,
      storeEnd,
      lostFrom,
      lost,
      reason,
      removedBefore,
      young,
      rowsEach,
      storeIs,
    } = made;
    const gap = { source: "quakes", topicId, partition: 0, reason, detail: "" };
    // Kafka may have what the store could not keep.
    const to = Math.min(lostFrom + lost, storeEnd, count);
    const records = Array.from({ length: count }, (_, i) => i).filter((i) => !holes.includes(i));
    return {
      records,
      logStart: Math.max(0, Math.min(startInGap === null ? start : lostFrom + startInGap, count)),
      logEnd: count,
      storeEnd: Math.min(storeEnd, count),
      removedBefore: Math.min(removedBefore, storeEnd, count),
      young,
      gaps: lostFrom < to ? [{ ...gap, fromOffset: lostFrom, toOffset: to }] : [],
      rowsEach,
      storeIs,
    };
  });

describe("a log that is read from a store, as far as it has it", () => {
  it("gives every record that either has, once and in order, and tells of every other that it is lost", async () => {
    await fc.assert(
      fc.asyncProperty(anyWorld, fc.nat({ max: 29 }), async (world, from) => {
        const { records, lost } = await readAll(world, from);
        const inStore = (offset: number): boolean =>
          world.storeIs === "there" &&
          offset < world.storeEnd &&
          !isRemoved(world, offset) &&
          !world.gaps.some((gap) => offset >= gap.fromOffset && offset < gap.toOffset);
        const wanted = world.records.filter(
          (offset) => offset >= from && (offset >= world.logStart || inStore(offset)),
        );
        expect(records).toEqual(wanted);
        const missing = world.records.filter((offset) => offset >= from && !wanted.includes(offset));
        for (const offset of missing) {
          expect(lost.some(([begin, end]) => offset >= begin && offset < end)).toBe(true);
        }
        for (const offset of wanted) expect(lost.some(([begin, end]) => offset >= begin && offset < end)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("comes from Kafka where the store has removed it, and is a gap up to where either begins", async () => {
    const records = Array.from({ length: 20 }, (_, i) => i);
    const world: World = {
      records,
      logStart: 4,
      logEnd: 20,
      storeEnd: 18,
      gaps: [],
      removedBefore: 10,
      rowsEach: 3,
      storeIs: "there",
    };
    expect(await readAll(world, 2)).toEqual({ records: records.slice(4), lost: [[2, 4]] });
    expect(await readAll({ ...world, logStart: 15 }, 2)).toEqual({ records: records.slice(10), lost: [[2, 10]] });
    // Times did not ascend: some of what lies before was young enough.
    expect(await readAll({ ...world, logStart: 15, young: [5, 6] }, 2)).toEqual({
      records: [5, 6, ...records.slice(10)],
      lost: [
        [2, 5],
        [7, 10],
      ],
    });
  });

  it("is UNAVAILABLE, and no gap, where Kafka has let go what only a store that is away may have", async () => {
    const world: World = {
      records: [0, 1, 2, 3],
      logStart: 2,
      logEnd: 4,
      storeEnd: 3,
      gaps: [],
      rowsEach: 2,
      storeIs: "away",
    };
    await expect(readAll(world, 0)).rejects.toThrow(/cannot be asked/);
    expect(await readAll(world, 2)).toEqual({ records: [2, 3], lost: [] });
  });

  it("begins where the store begins, or at a time there", async () => {
    const world: World = {
      records: [1, 2, 4, 6, 7],
      logStart: 6,
      logEnd: 8,
      storeEnd: 7,
      gaps: [],
      rowsEach: 2,
      storeIs: "there",
    };
    const store = storeOf(world);
    const log = storeLogReader(kafkaOf(world), store, new StoreEnds(store, names, []));
    await log.topics(names.recordsPrefix);
    const at = async (where: Parameters<LogReader["offsetsAt"]>[0]): Promise<number | undefined> =>
      (await log.offsetsAt(where, [{ topic, partition: 0 }]))[0]?.offset;
    expect(await at("earliest")).toBe(1);
    expect(await at("latest")).toBe(8);
    expect(await at({ timestampMs: 0 })).toBe(1);
    expect(await at({ timestampMs: 1003 })).toBeGreaterThan(2);
    expect(await at({ timestampMs: 1003 })).toBeLessThanOrEqual(4);
    // Between them there is nothing.
    expect([5, 6]).toContain(await at({ timestampMs: 1005 }));
    const removed = { ...world, removedBefore: 3 };
    const shorter = storeLogReader(kafkaOf(removed), storeOf(removed), new StoreEnds(storeOf(removed), names, []));
    await shorter.topics(names.recordsPrefix);
    expect((await shorter.offsetsAt("earliest", [{ topic, partition: 0 }]))[0]?.offset).toBe(4);
  });
});
