import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { silentLogger } from "@apispool/common/logger.js";
import type { Place } from "./place.js";
import { Tail } from "./tail.js";
import { MemoryLog } from "./testing/memory-log.js";
import { unreadOptions } from "./testing/unread-options.js";
import { inTurn } from "./turn.js";
import { unread } from "./unread.js";

const places = (...offsets: number[]): Place[] =>
  offsets.map((offset, i) => ({ source: `s${i}`, topic: `t${i}`, topicId: "", partition: 0, offset }));

describe("the turn of sources", () => {
  it("is a rotation, the same for the same positions", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 31), { maxLength: 9 }), (offsets) => {
        const from = places(...offsets);
        const turned = inTurn(from);
        expect(turned).toEqual(inTurn(from));
        const first = from.findIndex((place) => place === turned[0]);
        expect(turned).toEqual(from.length === 0 ? [] : [...from.slice(first), ...from.slice(0, first)]);
      }),
    );
  });

  it("comes to each, whatever the step and however many there are", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 2, max: 8 }),
        (from, step, n) => {
          const first = new Set<string>();
          for (let i = 0; i < 40 * n; i += 1)
            first.add(inTurn(places(from + i * step, ...Array(n - 1).fill(0)))[0]?.topic ?? "");
          expect(first.size).toBe(n);
        },
      ),
    );
  });

  it("lets a source with little be read beside one that never ends, ten records at a time", async () => {
    const log = new MemoryLog();
    const record = { value: Buffer.from("{}") };
    for (const topic of ["t0", "t1", "t2"]) log.createTopic(topic, 1);
    log.append("t1", 0, [record, record, record]);
    log.append("t2", 0, [record, record, record]);
    const tail = new Tail({ log, logger: silentLogger, keepBytes: 100_000, pollBytes: 2000, pieceBytes: 250 });
    let at = places(0, 0, 0);
    for (let fetch = 0; fetch < 30; fetch += 1) {
      log.append(
        "t0",
        0,
        Array.from({ length: 10 }, () => record),
      );
      const options = unreadOptions({ log, tail, limit: 10, discover: async () => Promise.resolve(at) });
      for await (const chunk of unread(at, [], options)) {
        at = at.map((place) => chunk.places.find(({ topic }) => topic === place.topic) ?? place);
      }
    }
    await tail.close();
    expect(at.map(({ offset }) => offset)).toEqual([294, 3, 3]);
  });
});
