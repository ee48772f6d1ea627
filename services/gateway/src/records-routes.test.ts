import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RecordOrder, RecordStore, Versions } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { Health, HealthCheckResponse_ServingStatus as HealthStatus } from "@apispool/contracts/health/v1/health_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { Problem } from "./problem.js";
import { FakeStore, firstIngestedMs } from "./testing/fake-store.js";
import { Harness, eventually } from "./testing/harness.js";

interface Answer {
  readonly records: { readonly source: string; readonly id: string; readonly data: unknown; readonly offset: number }[];
  readonly next: string | null;
  readonly stopped: { readonly reason: string; readonly detail: string } | null;
  readonly freshness: { readonly behind: number; readonly completeUntil: string | null } | null;
}

const odd = '{"n":12345678901234567890,  "z":1.50,"a":"\\u00e4\\"x"}';
const lines = { headers: { accept: "application/x-ndjson", "accept-encoding": "identity" } };
const csv = { headers: { accept: "text/csv" } };

let harness: Harness;
beforeAll(async () => (harness = await Harness.startWithStore()));
afterAll(() => harness.stop());
beforeEach(() => {
  const { store } = harness;
  Object.assign(store, new FakeStore(), { server: store.server, health: store.health });
  store.add("quakes", "a", '{"mag":1}', { eventTime: timestampFromMs(firstIngestedMs - 1000) });
  store.add("quakes", "b", odd);
  store.add("tides", "a", "[1,\n2]");
  store.add("quakes", "a", '{"mag":2}');
  store.add("quakes", '=1+1,"x"\r\n', "null", { payload: { case: "binary", value: new Uint8Array([0xff, 0]) } });
});

const get = async (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${harness.url}${path}`, init);
const read = async (path: string): Promise<Answer> => (await (await get(path)).json()) as Answer;
const post = async (path: string, body: unknown): Promise<Response> =>
  get(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const problem = async (answer: Promise<Response>): Promise<Problem> => (await (await answer).json()) as Problem;

describe("a query", () => {
  it("gives the last first, byte for byte as /data would, and says how fresh it is", async () => {
    harness.store.freshness = {
      behind: 3n,
      completeUntil: timestampFromMs(firstIngestedMs),
      problem: "full",
      removedBefore: timestampFromMs(firstIngestedMs),
    };
    const response = await get("/records");
    const text = await response.text();
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(text).toContain(`"data":${odd}`);
    const { records, next, stopped, freshness } = JSON.parse(text) as Answer;
    expect(records.map(({ offset }) => offset)).toEqual([4, 3, 2, 1, 0]);
    expect([next, stopped]).toEqual([null, null]);
    const at = "2026-11-01T00:00:00.000Z";
    expect(freshness).toEqual({ behind: 3, completeUntil: at, checkedAt: null, problem: "full", removedBefore: at });
    expect(response.headers.get("link")).toBeNull();
  });

  it("hands every parameter on, of a query and of a body alike", async () => {
    await get(
      "/records?source=quakes&source=tides&id=a&event_from=2026-01-01T00:00:00Z&event_to=2026-12-01T00:00:00%2B01:00" +
        "&ingested_from=2026-11-01T00:00:01Z&ingested_to=2026-11-02T00:00:00Z&where=none&versions=newest&order=event&limit=7",
    );
    await post("/records", {
      sources: ["quakes", "tides"],
      ids: ["a"],
      event_from: "2026-01-01T00:00:00Z",
      event_to: "2026-12-01T00:00:00+01:00",
      ingested_from: "2026-11-01T00:00:01Z",
      ingested_to: "2026-11-02T00:00:00Z",
      where: "none",
      versions: "newest",
      order: "event",
      limit: 7,
    });
    const [byQuery, byBody] = harness.store.queries;
    expect(byBody).toEqual(byQuery);
    expect(byQuery).toMatchObject({ order: RecordOrder.EVENT_ASC, limit: 7n, cursor: "" });
    expect(byQuery?.filter).toMatchObject({ sources: ["quakes", "tides"], ids: ["a"], where: "none" });
    expect(byQuery?.filter?.versions).toBe(Versions.NEWEST);
    const { from, to } = byQuery?.filter?.eventTime ?? {};
    expect([from, to].map((at) => at && new Date(timestampMs(at)).toISOString())).toEqual([
      "2026-01-01T00:00:00.000Z",
      "2026-11-30T23:00:00.000Z",
    ]);
    expect(byQuery?.filter?.ingestedAt?.from).toEqual(timestampFromMs(firstIngestedMs + 1000));
  });

  it("goes on by its cursor, and by the link to the next page, until everything has come once", async () => {
    const seen: number[] = [];
    let path: string | undefined = "/records?limit=2&order=ingested&source=quakes";
    while (path !== undefined) {
      const response: Response = await get(path);
      const { records, next, stopped } = (await response.json()) as Answer;
      seen.push(...records.map(({ offset }) => offset));
      path = /^<(\/[^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      expect(path === undefined).toBe(next === null);
      expect(stopped?.reason).toBe(next === null ? undefined : "LIMIT");
    }
    expect(seen).toEqual([0, 1, 3, 4]);
  });

  it("ends a document that would be too large, and goes on behind it", async () => {
    const long = JSON.stringify("x".repeat(2_200_000));
    for (let i = 0; i < 3; i += 1) harness.store.add("large", `l${i}`, long);
    harness.store.pageSize = 1;
    const first = await read("/records?source=large");
    expect([first.records.length, first.stopped?.reason, first.freshness]).toEqual([2, "SIZE", null]);
    const second = await read(`/records?source=large&cursor=${first.next ?? ""}`);
    expect([...first.records, ...second.records].map(({ id }) => id)).toEqual(["l2", "l1", "l0"]);
  });

  it("says why it stopped where it may not look at more", async () => {
    harness.store.scan = 2;
    const { records, next, stopped } = await read("/records");
    expect([records.length, next, stopped?.reason]).toEqual([2, "s2", "SCAN"]);
    expect(stopped?.detail).toMatch(/narrow/);
  });

  it("streams lines as far as there are any, over all that one call may look at", async () => {
    harness.store.scan = 2;
    const text = await (await get("/records?order=ingested", lines)).text();
    const records = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { offset: number });
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
    expect(text).toContain(`"data":${odd}}\n`);
    expect(harness.store.queries.map(({ cursor }) => cursor)).toEqual(["", "s2", "s4"]);
  });

  it("says in a last line where lines go on behind the limit, counted over all calls", async () => {
    harness.store.scan = 2;
    const text = await (await get("/records?order=ingested&limit=3", lines)).text();
    const parts = text.trimEnd().split("\n");
    expect(parts).toHaveLength(4);
    expect(JSON.parse(parts[3] ?? "")).toMatchObject({ next: "s3", stopped: { reason: "LIMIT" } });
  });

  it("cuts lines off that cannot be ended in order", async () => {
    harness.store.failAfter = { records: 2, error: rpcError(Code.Unavailable, "STORE_UNAVAILABLE", "gone") };
    await expect(get("/records", lines).then((response) => response.text())).rejects.toThrow();
    harness.store.failAfter = { records: 0, error: rpcError(Code.Unavailable, "STORE_UNAVAILABLE", "gone") };
    expect(await problem(get("/records", lines))).toMatchObject({ status: 503, reason: "STORE_UNAVAILABLE" });
  });

  it("writes CSV that reads back as what it was", async () => {
    harness.store.add("quakes", "gone", "", { payload: { case: undefined } });
    const response = await get("/records?order=ingested", csv);
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    const [head, ...rows] = parseCsv(await response.text());
    expect(head).toEqual(["source", "id", "partition", "offset", "ingested_at", "event_time", "value"]);
    expect(rows.map((row) => row[6])).toEqual([
      '{"mag":1}',
      odd,
      "[1,\n2]",
      '{"mag":2}',
      "data:application/octet-stream;base64,/wA=",
      "",
    ]);
    expect(rows[0]?.slice(0, 6)).toEqual([
      "quakes",
      "a",
      "0",
      "0",
      "2026-11-01T00:00:00.000Z",
      "2026-10-31T23:59:59.000Z",
    ]);
    expect(rows[4]?.[1]).toBe('=1+1,"x"\r\n');
  });

  it("is compressed where that is liked, and HEAD has the head of it", async () => {
    const response = await get("/records", {
      headers: { accept: "application/x-ndjson", "accept-encoding": "br;q=1" },
    });
    expect((await response.text()).split("\n")).toHaveLength(6);
    for (const accept of ["application/json", "application/x-ndjson", "text/csv"]) {
      const head = await get("/records?source=quakes", { method: "HEAD", headers: { accept } });
      expect([head.status, head.headers.get("content-type")?.split(";")[0]]).toEqual([200, accept]);
    }
    expect(harness.store.queries).toHaveLength(1);
    expect((await get("/records", { headers: { accept: "image/png" } })).status).toBe(406);
  });
});

describe("what is wrong with a query", () => {
  it.each([
    ["order=mag", "order", /is "mag"; it must be one of "-ingested", "ingested", "-event", "event"/],
    ["versions=2", "versions", /one of "all", "newest"/],
    ["event_from=yesterday", "event_from", /a time such as/],
    ["event_from=2026-01-02T00:00:00Z&event_to=2026-01-02T00:00:00Z", "event_to", /is not after event_from/],
    ["limit=0", "limit", /whole number from 1/],
    ["limit=10001", "limit", /1 to 10000 for a JSON document/],
    ["where=mag%3F", "where", /at 1, where a path is expected/],
    [`where=${"x".repeat(2001)}`, "where", /at most 2000/],
    ["cursor=rubbish", "cursor", /is damaged/],
    ["offset=1", "offset", /is unknown; known are source, id/],
    ["where=a&where=b", "where", /more than once; only source, id/],
  ])("is said: %s", async (query, field, text) => {
    const told = await problem(get(`/records?${query}`));
    expect(told.status).toBe(400);
    expect(told.errors?.[0]?.field).toBe(field);
    expect(told.errors?.[0]?.problem).toMatch(text);
  });

  const injections = [`' OR 1=1 --`, `{"$gt":""}`, "a\u0000b", "../../etc/passwd"];

  it.each(injections)("takes %j for a string, or refuses it", async (text) => {
    const value = encodeURIComponent(text);
    for (const name of [
      "order",
      "versions",
      "limit",
      "cursor",
      "event_from",
      "event_to",
      "ingested_from",
      "ingested_to",
    ]) {
      expect([name, (await get(`/records?${name}=${value}`)).status]).toEqual([name, 400]);
    }
    for (const name of ["bucket", "time", "by_source"]) {
      expect([name, (await get(`/records/count?${name}=${value}`)).status]).toEqual([name, 400]);
    }
    expect((await get(`/records?source=${value}`)).status).toBe(404);
    expect(await read(`/records?id=${value}`)).toMatchObject({ records: [] });
    expect((await get(`/records/quakes/${value}`)).status).toBe(404);
    expect((await get(`/records?where=${value}`)).status).toBe(200);
    expect(harness.store.queries.at(-1)?.filter?.where).toBe(text);
    for (const body of [{ where: { $ne: 1 } }, { sources: { $gt: "" } }, { ids: [{ $ne: 1 }] }, { limit: "1; --" }]) {
      expect((await post("/records", body)).status).toBe(400);
    }
  });
});

describe("one thing", () => {
  it("comes with its versions, the newest first", async () => {
    const { versions, more } = (await (await get("/records/quakes/a")).json()) as {
      versions: Answer["records"];
      more: boolean;
    };
    expect([versions.map(({ data }) => data), more]).toEqual([[{ mag: 2 }, { mag: 1 }], false]);
    expect(await (await get("/records/quakes/a?limit=1")).json()).toMatchObject({ more: true });
    harness.store.add("quakes", "a/b?c", "1");
    expect((await get(`/records/quakes/${encodeURIComponent("a/b?c")}`)).status).toBe(200);
  });

  it("is told to be unknown", async () => {
    expect(await problem(get("/records/quakes/z"))).toMatchObject({ status: 404, reason: "UNKNOWN_RECORD" });
    expect(await problem(get("/records/nope/z"))).toMatchObject({ status: 404, reason: "UNKNOWN_SOURCE" });
    expect((await get("/records/quakes/%ff")).status).toBe(404);
  });
});

describe("counts, status, rebuild", () => {
  it("counts", async () => {
    expect(await (await get("/records/count")).json()).toMatchObject({ total: 5, counts: [], stopped: null });
    expect(
      await (await get("/records/count?by_source=true&bucket=day&time=event&versions=newest")).json(),
    ).toMatchObject({
      total: 4,
      counts: [
        { source: "quakes", from: "2026-11-01T00:00:00.000Z", count: 3 },
        { source: "tides", from: "2026-11-01T00:00:00.000Z", count: 1 },
      ],
    });
    expect(harness.store.counts.at(-1)).toMatchObject({ bySource: true, bucket: 3, time: 2 });
  });

  it("tells what the store holds", async () => {
    harness.store.status = {
      kind: "mongodb",
      sources: [
        {
          source: "quakes",
          records: 3n,
          ttl: { seconds: 90n },
          removed: [{ partition: 1, beforeOffset: 9n, before: timestampFromMs(firstIngestedMs) }],
        },
        { source: "tides", records: 1n },
      ],
      rebuild: { done: 1n, total: 2n, elapsed: { seconds: 1n, nanos: 500_000_000 } },
    };
    expect(await (await get("/records/status")).json()).toEqual({
      kind: "mongodb",
      freshness: null,
      sources: [
        {
          source: "quakes",
          records: 3,
          freshness: null,
          ttlSeconds: 90,
          removed: [{ partition: 1, beforeOffset: 9, before: "2026-11-01T00:00:00.000Z" }],
        },
        { source: "tides", records: 1, freshness: null, ttlSeconds: null, removed: [] },
      ],
      rebuild: { done: 1, total: 2, elapsedSeconds: 1.5 },
    });
  });

  it("rebuilds, and tells how far it is", async () => {
    const response = await get("/records/rebuild", { method: "POST" });
    const told = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(told).toMatchObject([{ complete: false }, { progress: { done: 4, elapsedSeconds: 2 }, complete: true }]);
    expect((await get("/records/rebuild")).status).toBe(405);
    expect(harness.store.rebuilds).toBe(1);
  });

  it("is ready without the store, and says what is away", async () => {
    const health = createClient(Health, createConnectTransport({ baseUrl: harness.url, httpVersion: "1.1" }));
    const storeServes = async (): Promise<boolean> =>
      (await health.check({ service: RecordStore.typeName })).status === HealthStatus.SERVING;
    await eventually(storeServes);
    await harness.store.stop();
    try {
      await eventually(async () => !(await storeServes()));
      expect(await problem(get("/records"))).toMatchObject({ status: 503, reason: "SERVICE_UNAVAILABLE" });
      expect((await get("/readyz")).status).toBe(200);
      expect((await get("/data?reader=without")).status).toBe(200);
    } finally {
      const port = Number(/store at 127\.0\.0\.1:(\d+)/.exec((await problem(get("/records"))).detail)?.[1]);
      harness.store.health = new FakeStore().health;
      await harness.store.start(`127.0.0.1:${port}`);
    }
    await eventually(async () => (await get("/records")).status === 200);
  });
});

describe("where no store is switched on", () => {
  let without: Harness;
  beforeAll(async () => (without = await Harness.start()));
  afterAll(() => without.stop());

  it.each(["/records", "/records/count", "/records/status", "/records/quakes/a"])("%s says how it is", async (path) => {
    const told = await problem(fetch(without.url + path));
    expect(told).toMatchObject({ status: 501, code: "unimplemented", reason: "STORE_OFF" });
    expect(told.detail).toContain("STORE=sqlite npm start");
  });
});

/** RFC 4180, section 2, as a program would read it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ",") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
