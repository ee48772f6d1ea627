import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { Code, ConnectError } from "@connectrpc/connect";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  CountBucket,
  CountTime,
  RecordOrder,
  StoppedReason,
  Versions,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { Harness, quakes } from "./testing/harness.js";

let harness: Harness;

afterEach(async () => {
  await harness.stop();
});

const json = ({ payload }: DataRecord): string => (payload.case === "json" ? payload.value : `<${payload.case}>`);

async function errorOf(work: Promise<unknown>): Promise<ConnectError> {
  return await work.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => ConnectError.from(error),
  );
}

describe("the store, on a real Kafka", () => {
  it("has what is in Kafka, record by record, and answers by source, id, time and value", async () => {
    harness = await Harness.create();
    await harness.topic("quakes");
    await harness.topic("other", 2);
    await harness.write("quakes", quakes(3000));
    await harness.write("quakes", [{ id: "aborted", value: '"never"' }], { abort: true });
    await harness.write("quakes", [
      { id: "q7", value: '{"mag":9.5,"big":12345678901234567890}', time: "2026-04-01T00:00:00Z" },
    ]);
    await harness.write("other", [{ id: "q7", value: '{ "other" : 1 }', partition: 1 }]);
    const client = await harness.start();
    await harness.complete("quakes", 3001);
    await harness.complete("other", 1);
    expect(await harness.storeRows("quakes")).toEqual(await harness.topicRows("quakes"));
    expect(await harness.storeRows("other", 1)).toEqual(await harness.topicRows("other", 1));

    const { versions, more, freshness } = await client.get({ source: "quakes", id: "q7" });
    expect(versions.map(json)).toEqual(['{"mag":9.5,"big":12345678901234567890}', '{"mag":0.7,"n":7}']);
    expect(versions[1]).toMatchObject({ source: "quakes", id: "q7", partition: 0, offset: 7n });
    expect(versions[0]?.eventTime).toEqual(timestampFromDate(new Date("2026-04-01T00:00:00Z")));
    expect({ more, behind: freshness?.behind }).toEqual({ more: false, behind: 0n });

    const strong = await harness.query({
      filter: { where: "mag >= 7.9", sources: ["quakes"], versions: Versions.NEWEST },
      order: RecordOrder.EVENT_DESC,
    });
    expect(strong.records).toHaveLength(38);
    expect(strong.records.slice(0, 2).map(json)).toEqual([
      '{"mag":9.5,"big":12345678901234567890}',
      '{"mag":7.9,"n":2959}',
    ]);
    expect(strong.last).toMatchObject({ nextCursor: "", freshness: { behind: 0n, problem: "" } });
    expect(strong.last?.stopped).toBeUndefined();

    const march2 = { from: timestampFromDate(new Date("2026-03-02")), to: timestampFromDate(new Date("2026-03-03")) };
    const counted = await client.count({
      filter: { eventTime: march2 },
      bucket: CountBucket.HOUR,
      time: CountTime.EVENT,
    });
    expect(counted.total).toBe(1440n);
    expect(counted.counts.map(({ count }) => count)).toEqual(Array.from({ length: 24 }, () => 60n));
    const bySource = await client.count({ bySource: true, filter: { ids: ["q7"] } });
    expect(bySource.counts.map(({ source, count }) => [source, count])).toEqual([
      ["other", 1n],
      ["quakes", 2n],
    ]);

    // Page by page, as one: cursors belong to their question, whatever its limit.
    const all: DataRecord[] = [];
    for (let cursor = "", pages = 0; pages === 0 || cursor !== ""; pages += 1) {
      const page = await harness.query({ cursor, limit: 700n, order: RecordOrder.INGESTED_ASC });
      all.push(...page.records);
      cursor = page.last?.nextCursor ?? "";
      if (cursor !== "") expect(page.last?.stopped?.reason).toBe(StoppedReason.LIMIT);
    }
    expect(all).toHaveLength(3002);
    expect(all.slice(0, 3000).map(json)).toEqual(quakes(3000).map(({ value }) => value));
    const cursor = (await harness.query({ limit: 1n })).last?.nextCursor ?? "";
    const wrong = await errorOf(harness.query({ cursor, filter: { ids: ["q7"] } }));
    expect([wrong.code, reasonOf(wrong)]).toEqual([Code.InvalidArgument, "INVALID_CURSOR"]);
    expect(reasonOf(await errorOf(client.get({ source: "quakes", id: "q9999" })))).toBe("UNKNOWN_RECORD");
    expect(reasonOf(await errorOf(harness.query({ filter: { sources: ["qakes"] } })))).toBe("UNKNOWN_SOURCE");
    const bad = await errorOf(harness.query({ filter: { where: "mag >=", sources: [""] }, order: 99 as RecordOrder }));
    expect(bad.rawMessage).toMatch(/filter\.sources\[0\]: is empty.*filter\.where: .*order: 99 is no order/s);
  });

  it("says so where a query looks at more than it may, and goes on from there", async () => {
    harness = await Harness.create({ queryScan: 1000 });
    await harness.topic("quakes");
    await harness.write("quakes", quakes(3500));
    await harness.start();
    await harness.complete("quakes", 3500);
    const found: DataRecord[] = [];
    const scanned: number[] = [];
    for (let cursor = "", first = true; first || cursor !== ""; first = false) {
      const { records, last } = await harness.query({ cursor, filter: { where: "n = 3 or n = 3333" } });
      found.push(...records);
      cursor = last?.nextCursor ?? "";
      if (last?.stopped === undefined) continue;
      expect(last.stopped.reason).toBe(StoppedReason.SCAN);
      expect(last.stopped.detail).toMatch(/STORE_QUERY_SCAN/);
      scanned.push(Number(last.stopped.scanned));
    }
    expect(found.map(({ id }) => id)).toEqual(["q3333", "q3"]);
    expect(scanned).toEqual([1000, 1000, 1000]);
  });

  it("begins anew with a topic that was made again", async () => {
    harness = await Harness.create();
    await harness.topic("quakes");
    await harness.topic("calm");
    await harness.write("quakes", quakes(300));
    await harness.write("calm", quakes(10));
    await harness.start();
    await harness.complete("quakes", 300);
    await harness.deleteTopic("quakes");
    await harness.topic("quakes");
    await harness.write("quakes", quakes(5, 1000));
    await harness.complete("quakes", 5);
    expect(await harness.storeRows("quakes")).toEqual(await harness.topicRows("quakes"));
    expect((await harness.query({ filter: { sources: ["calm"] } })).records).toHaveLength(10);
  });

  it("builds itself anew while the old one answers, and a cursor stays valid", async () => {
    harness = await Harness.create({ fetchBytes: 4096 });
    await harness.topic("quakes");
    await harness.write("quakes", quakes(3000));
    const client = await harness.start();
    await harness.complete("quakes", 3000);
    const { records, last } = await harness.query({ limit: 1000n });
    const rebuild = (async () => {
      const seen = [];
      for await (const message of client.rebuildStore({})) seen.push(message);
      return seen;
    })();
    let answers = 0;
    const state = { isOver: false };
    void rebuild.then(() => (state.isOver = true));
    while (!state.isOver) {
      expect((await harness.query({})).records).toHaveLength(3000);
      answers += 1;
    }
    expect(answers).toBeGreaterThan(0);
    const progress = await rebuild;
    expect(progress.at(-1)).toMatchObject({ complete: true });
    expect(progress.at(-1)?.progress?.done).toBeGreaterThanOrEqual(3000n);
    const rest = await harness.query({ cursor: last?.nextCursor ?? "" });
    expect([...records, ...rest.records].map(({ id }) => id)).toEqual(
      quakes(3000)
        .map(({ id }) => id)
        .reverse(),
    );
    // The new one is followed on.
    await harness.write("quakes", quakes(10, 3000));
    await harness.complete("quakes", 3010);
    expect(await harness.storeRows("quakes")).toEqual(await harness.topicRows("quakes"));
  });

  it("removes what is older than STORE_TTL says, tells that it did, and reads none of it when it is built anew", async () => {
    harness = await Harness.create();
    const day = 86_400_000;
    const old = Date.now() - 40 * day;
    const aged = (count: number) => quakes(count).map((one, i) => ({ ...one, ingestedMs: old + i }));
    await harness.topic("quakes");
    await harness.topic("tides");
    await harness.write("quakes", aged(2500));
    await harness.write("quakes", quakes(20, 2490));
    await harness.write("tides", aged(10));
    await harness.start();
    await harness.complete("quakes", 2520);
    expect((await harness.query({ limit: 1n })).last?.freshness?.removedBefore).toBeUndefined();
    await harness.stopServer();

    const ttl = [{ source: "quakes", isPrefix: false, ttlMs: 30 * day }];
    const client = await harness.start({ ttl });
    const { sources } = await harness.complete("quakes", 20);
    const before = timestampFromMs(old + 2500);
    expect(sources).toMatchObject([
      {
        source: "quakes",
        ttl: { seconds: BigInt(30 * 86_400) },
        removed: [{ partition: 0, beforeOffset: 2500n, before }],
        freshness: { removedBefore: before, behind: 0n },
      },
      { source: "tides", records: 10n, removed: [] },
    ]);
    expect(sources[1]?.freshness?.removedBefore).toBeUndefined();
    expect((await harness.query({})).last?.freshness?.removedBefore).toEqual(before);
    expect((await client.count({ filter: { sources: ["tides"] } })).freshness?.removedBefore).toBeUndefined();
    const one = await client.get({ source: "quakes", id: "q2495" });
    expect([one.versions.length, one.freshness?.removedBefore]).toEqual([1, before]);
    const error = await errorOf(client.get({ source: "quakes", id: "q7" }));
    expect([reasonOf(error), error.rawMessage]).toEqual([
      "UNKNOWN_RECORD",
      expect.stringMatching(/; records that were written before \d{4}-.*Z were removed$/),
    ]);

    // It goes on as with any other, and what was removed does not come back.
    await harness.write("quakes", quakes(5, 3000));
    await harness.complete("quakes", 25);
    let read = 0n;
    for await (const { progress } of client.rebuildStore({})) read = progress?.done ?? read;
    expect(read).toBeLessThan(100n);
    const rebuilt = await harness.complete("quakes", 25);
    expect(rebuilt.sources[0]?.removed).toMatchObject([{ partition: 0 }]);
    // Between them lies the end of a transaction.
    expect(rebuilt.sources[0]?.removed[0]?.beforeOffset).toBeGreaterThanOrEqual(2500n);
    expect(await harness.storeRows("quakes")).toEqual((await harness.topicRows("quakes")).slice(2500));
  });

  it("answers UNAVAILABLE while its folder is away, and catches up by itself", async () => {
    harness = await Harness.create();
    await harness.topic("quakes");
    await harness.write("quakes", quakes(100));
    await harness.start();
    await harness.complete("quakes", 100);
    const away = join(harness.folder, "away");
    await rename(join(harness.folder, "store"), away);
    await harness.write("quakes", quakes(100, 100));
    const error = await errorOf(harness.query({}));
    expect([error.code, reasonOf(error)]).toEqual([Code.Unavailable, "STORE_UNAVAILABLE"]);
    await rename(away, join(harness.folder, "store"));
    await harness.complete("quakes", 200);
    expect(await harness.storeRows("quakes")).toEqual(await harness.topicRows("quakes"));
  });
});
