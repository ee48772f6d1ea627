import { Code } from "@connectrpc/connect";
import { expect, it } from "@jest/globals";
import { rpcError } from "@apispool/common/errors.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RecordStore } from "@apispool/record-store/store.js";
import { Retention } from "./retention.js";

/** A store of which only so much is asked, with so many records of each source that are too old. */
class OldRecords {
  readonly left = new Map([
    ["quakes", 2500],
    ["tides", 10],
    ["audit", 7],
  ]);
  readonly asked: [source: string, limit: number][] = [];
  /** How many more pieces go well, until the database is away. */
  good = Infinity;

  /** Until it was asked so often. */
  async askedTimes(times: number): Promise<void> {
    while (this.asked.length < times) await new Promise(setImmediate);
  }

  get store(): RecordStore {
    const sources = [...this.left.keys(), "quakes"];
    const removeBefore = async (source: string, beforeMs: number, limit: number): Promise<number> => {
      expect(beforeMs).toBeLessThanOrEqual(Date.now() - 60_000);
      this.asked.push([source, limit]);
      if (this.good-- <= 0) throw rpcError(Code.Unavailable, "STORE_UNAVAILABLE", "it is away");
      const left = this.left.get(source) ?? 0;
      const removed = Math.min(left, limit);
      this.left.set(source, left - removed);
      return Promise.resolve(removed);
    };
    const positions = () => Promise.resolve(sources.map((source) => ({ source })));
    return { current: { positions, removeBefore } } as unknown as RecordStore;
  }
}

const ttlOf = (source: string): number | undefined => (source === "audit" ? undefined : 60_000);

it("removes piece by piece what is too old of each source that is not kept for ever, and goes on after a failure", async () => {
  const old = new OldRecords();
  old.good = 2;
  const removed: [string, number][] = [];
  const onRemoved = (source: string, records: number): void => void removed.push([source, records]);
  const retention = new Retention({ store: old.store, ttlOf, lookMs: 1, logger: silentLogger, onRemoved });
  retention.start();
  await old.askedTimes(3);
  expect([...old.left.values()]).toEqual([500, 10, 7]);
  old.good = Infinity;
  // Nothing is left after these, and that is asked, too; then it is looked again.
  await old.askedTimes(9);
  await retention.stop();
  expect([...old.left.values()]).toEqual([0, 0, 7]);
  expect(removed).toEqual([
    ["quakes", 1000],
    ["quakes", 1000],
    ["quakes", 500],
    ["tides", 10],
  ]);
});

it("asks for nothing where everything is kept for ever", async () => {
  const old = new OldRecords();
  const retention = new Retention({
    store: old.store,
    ttlOf: () => undefined,
    lookMs: undefined,
    logger: silentLogger,
    onRemoved: () => undefined,
  });
  retention.start();
  await retention.stop();
  expect(old.asked).toEqual([]);
});
