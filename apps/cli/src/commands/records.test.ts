import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { CountBucket, RecordOrder, Versions } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { FakeStore } from "@apispool/gateway/testing/fake-store.js";
import { Harness } from "@apispool/gateway/testing/harness.js";
import { TestSurroundings } from "../testing/run.js";

let harness: Harness;
let around: TestSurroundings;
beforeAll(async () => (harness = await Harness.startWithStore()));
afterAll(() => harness.stop());
beforeEach(() => {
  const { store } = harness;
  Object.assign(store, new FakeStore(), { server: store.server, health: store.health });
  store.add("quakes", "a", '{"n":12345678901234567890}');
  store.add("quakes", "b", '{"n":2}');
  store.add("tides", "t", '"x,y"');
  store.add("quakes", "a", '{"n":3}');
  around = new TestSurroundings();
  around.env = { APISPOOL_URL: harness.url };
});

describe("apispool records", () => {
  it("prints the last first, and hands on what it is told", async () => {
    const { code, out, err } = await around.run("records", "quakes", "--data");
    expect([code, out, err]).toEqual([0, '{"n":3}\n{"n":2}\n{"n":12345678901234567890}\n', ""]);
    await around.run(
      ..."records quakes tides -i a b --from 7d --to 2026-11-25T00:00:00Z --by event -o asc -n 7 --newest".split(" "),
      "--where",
      "n >= 5",
    );
    const [, query] = harness.store.queries;
    expect(query).toMatchObject({ order: RecordOrder.EVENT_ASC, limit: 7n });
    expect(query?.filter).toMatchObject({ sources: ["quakes", "tides"], ids: ["a", "b"], where: "n >= 5" });
    expect([query?.filter?.versions, query?.filter?.ingestedAt]).toEqual([Versions.NEWEST, undefined]);
    expect(query?.filter?.eventTime?.from).toEqual(timestampFromMs(Date.UTC(2026, 10, 18, 12)));
  });

  it("says what is left over, and goes on there; --all goes on by itself", async () => {
    const first = await around.run("records", "-n", "3", "--json");
    expect(first.err).toBe("--cursor s3\n");
    expect(first.out.split("\n")[0]).toContain('"offset":3,"ingestedAt":"2026-11-01T00:00:03.000Z"');
    const rest = await around.run("records", "--json", "--cursor", "s3");
    expect([rest.out.trimEnd().split("\n").length, rest.err]).toEqual([1, ""]);
    harness.store.scan = 1;
    const stopped = await around.run("records", "--data");
    expect([stopped.out, stopped.err]).toEqual(['{"n":3}\n', "not all: narrow it by source or time\n--cursor s1\n"]);
    const all = await around.run("records", "--data", "--all");
    expect([all.out.split("\n").length, all.err]).toEqual([5, ""]);
  });

  it("--csv: with a head line, also where there is nothing", async () => {
    const { out } = await around.run("records", "tides", "--csv");
    const head = "source,id,partition,offset,ingested_at,event_time,value\r\n";
    expect(out).toBe(`${head}tides,t,0,2,2026-11-01T00:00:02.000Z,,"""x,y"""\r\n`);
    expect((await around.run("records", "--csv", "--where", "none")).out).toBe(head);
  });

  it("says how far the store is behind", async () => {
    harness.store.freshness = {
      behind: 7n,
      completeUntil: timestampFromMs(Date.UTC(2026, 10, 25, 11)),
      problem: "no room",
    };
    const { err } = await around.run("records");
    expect(err).toBe("the store is 7 offsets behind Kafka, whole up to 1 h ago (no room)\n");
  });

  it("says what is missing because it was too old, where the answer comes to it", async () => {
    harness.store.freshness = { removedBefore: timestampFromMs(Date.UTC(2026, 10, 1)) };
    const gone = /^what was written before 2026-11-01T00:00:00\.000Z \(\d+ d ago\) was removed from the store$/m;
    for (const args of [["--all"], ["get", "quakes", "a"], ["count"]]) {
      expect((await around.run("records", ...args)).err).toMatch(gone);
    }
    expect((await around.run("records", "-n", "1")).err).not.toMatch(gone);
  });

  it.each([
    ["--where ?", 2, /filter\.where|where/],
    ["nope", 2, /no source "nope"/],
    ["--from 1d --to 2d", 2, /--to is not after --from/],
    ["--from soon", 2, /how long ago/],
    ["--limit 0", 2, /above zero/],
    ["--csv --json", 2, /cannot be used with/],
  ])("says what is wrong: %s", async (args, code, text) => {
    const ran = await around.run("records", ...args.split(" "));
    expect([ran.code, ran.out]).toEqual([code, ""]);
    expect(ran.err).toMatch(text);
  });

  it("get: the versions of one thing", async () => {
    expect((await around.run("records", "get", "quakes", "a", "-d")).out).toBe('{"n":3}\n{"n":12345678901234567890}\n');
    expect(JSON.parse((await around.run("records", "get", "quakes", "a", "--json")).out)).toMatchObject({
      more: false,
    });
    expect((await around.run("records", "get", "quakes", "a", "-n", "1")).err).toContain("older versions");
    expect(await around.run("records", "get", "quakes", "z")).toMatchObject({ code: 1, out: "" });
  });

  it("count: as a number, as a table, as JSON", async () => {
    expect((await around.run("records", "count")).out).toBe("4\n");
    expect((await around.run("records", "count", "quakes", "-s", "-b", "day")).out).toBe(
      "DAY         SOURCE  RECORDS\n2026-11-01  quakes        3\n",
    );
    expect(harness.store.counts.at(-1)).toMatchObject({ bySource: true, bucket: CountBucket.DAY });
    expect(JSON.parse((await around.run("records", "count", "--json")).out)).toMatchObject({ total: 4, counts: [] });
  });
});

describe("apispool store", () => {
  it("status: what it holds, and how far it is behind", async () => {
    expect((await around.run("store")).out).toBe(
      "sqlite: holds all that Kafka has\nSOURCE  RECORDS  BEHIND\nquakes        3       0\ntides         1       0\n",
    );
    harness.store.status = { kind: "mongodb", freshness: { behind: 2n }, rebuild: { done: 1n, total: 4n } };
    expect((await around.run("store", "status")).out).toBe(
      "mongodb: the store is 2 offsets behind Kafka\na rebuild is under way: 25 %  1 of 4 offsets, 0 s\n",
    );
    expect(JSON.parse((await around.run("store", "status", "--json")).out)).toMatchObject({ rebuild: { done: 1 } });
    const before = timestampFromMs(Date.UTC(2026, 10, 1));
    harness.store.status = {
      kind: "sqlite",
      freshness: { removedBefore: before },
      sources: [
        { source: "quakes", records: 3n, ttl: { seconds: 2_592_000n }, removed: [{ beforeOffset: 7n, before }] },
        { source: "tides", records: 1n },
      ],
    };
    const { out } = await around.run("store");
    expect(out).toMatch(/^sqlite: is up to date\nwhat was written before 2026-11-01T00:00:00\.000Z .* was removed/);
    expect(out.split("\n").slice(2)).toEqual([
      "SOURCE  RECORDS  BEHIND  KEPT",
      "quakes        3       0  30d, from 2026-11-01T00:00:00.000Z on",
      "tides         1       0  for ever",
      "",
    ]);
  });

  it("rebuild: asks first; tells how far it is, in lines", async () => {
    expect(await around.run("store", "rebuild")).toMatchObject({ code: 2, out: "" });
    around.ask = async () => Promise.resolve("n");
    expect(await around.run("store", "rebuild")).toMatchObject({ code: 1, err: "apispool: nothing was done\n" });
    expect(harness.store.rebuilds).toBe(0);
    around.ask = async () => Promise.resolve("y");
    const { code, out, err } = await around.run("store", "rebuild");
    expect([code, out, err]).toEqual([0, "rebuilt: 4 offsets in 2 s\n", "25 %  1 of 4 offsets, 0 s\n"]);
  });

  it("rebuild: has a bar on a terminal", async () => {
    around.errors = { isTerminal: true, columns: 60 };
    const { err } = await around.run("store", "rebuild", "--yes");
    expect(err.replaceAll("\r\u001B[K", "⌫")).toMatch(/^⌫\[#{8}\.{23}\] 25 % {2}1 of 4 offsets, 0 s⌫$/);
  });

  it("rebuild: fails where its end was not seen", async () => {
    harness.store.rebuild = harness.store.rebuild.slice(0, 1);
    expect(await around.run("store", "rebuild", "-y")).toMatchObject({ code: 1, out: "" });
    harness.store.failure = rpcError(Code.Unavailable, "STORE_UNAVAILABLE", "the disk is full");
    expect(await around.run("store", "rebuild", "-y")).toMatchObject({ code: 1, err: "apispool: the disk is full\n" });
  });

  it("says how a store is switched on", async () => {
    const without = await Harness.start();
    try {
      const ran = await around.run("store", "--url", without.url);
      expect(ran.code).toBe(1);
      expect(ran.err).toContain("STORE=sqlite npm start");
    } finally {
      await without.stop();
    }
  });
});
