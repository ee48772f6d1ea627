import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { silentLogger } from "@apispool/common/logger.js";
import { filterOf } from "./filter/record-filter.js";
import type { Place } from "./place.js";
import { Tail } from "./tail.js";
import { MemoryLog } from "./testing/memory-log.js";
import { unreadOptions } from "./testing/unread-options.js";
import { type Chunk, type UnreadOptions, unread } from "./unread.js";

const filter = (where: string) => filterOf({ keys: [], headers: {}, where }, () => undefined);
const place = (partition: number, offset = 0): Place => ({ source: "s", topic: "t", topicId: "", partition, offset });
const record = (n: number) => ({ value: Buffer.from(`{"n":${n}}`) });
/** So large that a fetch brings one of them. */
const largeBatch = Array.from({ length: 100 }, (_, n) => ({
  value: Buffer.from(`{"n":${n},"x":"${"x".repeat(1000)}"}`),
}));

/** Everything that a fetch gives, as `partition/offset`. */
const given = (chunks: readonly Chunk[]): string[] =>
  chunks.flatMap(({ runs }) =>
    runs.flatMap(({ partition, records }) => records.map((r) => `${partition}/${r.offset}`)),
  );

describe("reading with a filter", () => {
  let log: MemoryLog;
  let tail: Tail;
  beforeEach(() => {
    log = new MemoryLog();
    log.createTopic("t", 3);
    tail = new Tail({ log, logger: silentLogger, keepBytes: 100_000, pollBytes: 2000, pieceBytes: 250 });
  });
  afterEach(async () => tail.close());

  const options = (some: Partial<UnreadOptions>): UnreadOptions =>
    unreadOptions({
      log,
      tail,
      discover: async () => Promise.resolve([0, 1, 2].map((partition) => place(partition))),
      ...some,
    });
  const read = async (from: readonly Place[], some: Partial<UnreadOptions>): Promise<Chunk[]> => {
    const chunks: Chunk[] = [];
    for await (const chunk of unread(from, [], options(some))) chunks.push(chunk);
    expect(chunks.map(({ complete }) => complete)).toEqual(chunks.map((_, i) => i === chunks.length - 1));
    return chunks;
  };

  it("gives what reading everything and filtering afterwards gives, whatever the limits, and comes to the same place", async () => {
    const step = fc.record({
      partition: fc.nat(2),
      values: fc.array(fc.nat(9), { maxLength: 30 }),
      end: fc.constantFrom("none", "committed", "aborted"),
      lost: fc.nat(9),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 20 }),
        fc.constantFrom("n > `4`", "n == `7`", "n > `99`", "n >= `0`"),
        fc.constantFrom(1, 3, 50, Infinity),
        fc.constantFrom(1, 20, Infinity),
        async (steps, where, limit, maxBytes) => {
          log.createTopic("t", 3);
          for (const { partition, values, end, lost } of steps) {
            if (end === "none") log.append("t", partition, values.map(record));
            else {
              const transaction = log.begin();
              log.append("t", partition, values.map(record), transaction);
              log.finish(transaction, end);
            }
            log.compact("t", partition, (offset) => offset % 10 !== lost);
          }
          const start = [0, 1, 2].map((partition) => place(partition));
          const all = given(await read(start, {}));
          const wanted = new Set(
            [0, 1, 2].flatMap((partition) =>
              log.readable("t", partition).flatMap(({ offset, value }) => {
                const { n } = JSON.parse(String(value)) as { n: number };
                const passes = { "n > `4`": n > 4, "n == `7`": n === 7, "n > `99`": false, "n >= `0`": true }[where];
                return passes === true ? [`${partition}/${offset}`] : [];
              }),
            ),
          );
          const expected = all.filter((one) => wanted.has(one));
          expect(expected).toHaveLength(wanted.size);
          const got: string[] = [];
          let places = start;
          for (;;) {
            const chunks = await read(places, { filter: filter(where), limit, maxBytes });
            const moved = new Map(chunks.at(-1)?.places.map((at) => [at.partition, at]));
            const some = given(chunks);
            expect(some.length).toBeLessThanOrEqual(limit);
            got.push(...some);
            places = places.map((at) => moved.get(at.partition) ?? at);
            if (some.length === 0) break;
          }
          // What did not pass counts as read, to the very end.
          const ends = await log.offsetsAt("latest", start);
          expect(places.map(({ offset }) => offset)).toEqual(ends.map(({ offset }) => offset));
          for (const partition of [0, 1, 2]) {
            const own = (list: string[]): string[] => list.filter((one) => one.startsWith(`${partition}/`));
            expect(own(got)).toEqual(own(expected));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("tells now and then how far it has got while nothing passes", async () => {
    for (let i = 0; i < 20; i += 1) log.append("t", 0, largeBatch);
    log.before = async (request) => {
      if (request === "fetch") await sleep(200);
    };
    const chunks = await read([place(0)], { filter: filter("n > `1000`") });
    expect(given(chunks)).toEqual([]);
    expect(chunks.length).toBeGreaterThan(1);
    const offsets = chunks.map(({ places }) => places[0]?.offset ?? 0);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(offsets.at(-1)).toBe(2000);
  });

  it("waits for the first record that passes, and gives all that is there with it", async () => {
    log.append("t", 0, [record(1)]);
    const waiting = read([place(0)], { filter: filter("n > `5`"), waitMs: 60_000 });
    for (let i = 0; i < 5; i += 1) {
      await sleep(20);
      log.append("t", 0, [record(2)]);
    }
    log.append("t", 0, [record(6), record(2), record(7)]);
    const chunks = await waiting;
    expect(given(chunks)).toEqual(["0/6", "0/8"]);
    expect(chunks.at(-1)?.places).toMatchObject([{ offset: 9 }]);
  });

  it("waits no longer than asked when nothing passes, and counts it as read", async () => {
    log.append("t", 0, [record(1), record(2)]);
    const chunks = await read([place(0)], { filter: filter("n > `5`"), waitMs: 50 });
    expect([given(chunks), chunks.at(-1)?.places[0]?.offset]).toEqual([[], 2]);
  });

  it("tells a live tail where it is although nothing passes, and gives what does", async () => {
    const gone = new AbortController();
    const tail = unread([place(0)], [], options({ filter: filter("n > `5`"), follow: true, signal: gone.signal }));
    expect((await tail.next()).value).toMatchObject({ runs: [], places: [] });
    log.append("t", 0, [record(1), record(2)]);
    expect((await tail.next()).value).toMatchObject({ runs: [], places: [{ offset: 2 }], complete: false });
    log.append("t", 0, [record(1), record(6)]);
    expect((await tail.next()).value).toMatchObject({ runs: [{ records: [{ offset: 3 }] }], places: [{ offset: 4 }] });
    gone.abort(new Error("gone"));
    await expect(tail.next()).rejects.toThrow("gone");
  });

  it("ends when its client does, although nothing passes", async () => {
    for (let i = 0; i < 100; i += 1) log.append("t", 0, largeBatch);
    const gone = new AbortController();
    let fetches = 0;
    log.before = () => {
      if ((fetches += 1) === 5) gone.abort(new Error("gone"));
    };
    await expect(read([place(0)], { filter: filter("n > `1000`"), signal: gone.signal })).rejects.toThrow("gone");
    expect(fetches).toBeLessThan(10);
  });
});
