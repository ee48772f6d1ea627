import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CursorSchema } from "@apispool/contracts/apispool/internal/v1/cursor_pb.js";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import type { Problem } from "../problem.js";
import { EventClient } from "../testing/event-client.js";
import { eventually } from "../testing/harness.js";
import { AccessHarness, now, rawGet } from "./testing/access-harness.js";

let access: AccessHarness;
beforeAll(async () => {
  access = await AccessHarness.start();
  access.harness.reader.add(['{"n":1}', '{"n":2}']);
});
afterAll(() => access.stop());

async function problemOf(answer: Promise<Response>): Promise<Problem> {
  const response = await answer;
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Problem;
}

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof ConnectError)) throw new Error("it did not fail", { cause: outcome });
  return outcome;
}

/** A cursor as the reader makes them, but that its checksum, which is no secret, is left blank. */
function cursorOver(reader: string, ...sources: string[]): string {
  const cursor = create(CursorSchema, { reader, positions: sources.map((source) => ({ source, offset: 1n })) });
  return Buffer.concat([Buffer.alloc(6), toBinary(CursorSchema, cursor)]).toString("base64url");
}

const unauthenticated = { status: 401, code: "unauthenticated", reason: "UNAUTHENTICATED" };
const denied = { status: 403, code: "permission_denied", reason: "PERMISSION_DENIED" };

describe("who is calling", () => {
  it("takes a key in either header", async () => {
    expect((await access.fetch("/worker", access.keys.admin.key)).status).toBe(200);
    expect((await fetch(`${access.url}/worker`, { headers: { "x-api-key": access.keys.admin.key } })).status).toBe(200);
  });

  it.each([
    ["nothing", {}, /a key or token is needed/],
    ["a wrong key", { authorization: "Bearer apispool_wrong" }, /the key is unknown/],
    ["a key that is another's beginning", { "x-api-key": "apispool_" }, /unknown/],
    ["another scheme", { authorization: "Basic YTpi" }, /must be "Bearer"/],
    ["two different keys", { authorization: "Bearer a", "x-api-key": "b" }, /different things/],
  ])("refuses %s", async (_, headers: Record<string, string>, text) => {
    const response = await fetch(`${access.url}/data`, { headers });
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    const problem = (await response.json()) as Problem;
    expect(problem).toMatchObject(unauthenticated);
    expect(problem.detail).toMatch(text);
  });

  it("takes no key from the address", async () => {
    const { key } = access.keys.admin;
    expect((await fetch(`${access.url}/worker?key=${key}&api_key=${key}&access_token=${key}`)).status).toBe(401);
  });

  it("takes a token, and its role from where the file says", async () => {
    expect((await access.fetch("/worker", await access.issuer.token())).status).toBe(200);
    expect((await access.fetch("/worker", await access.issuer.token({ exp: now() - 2 }))).status).toBe(200);
  });

  it.each([
    ["an expired one", () => access.issuer.token({ exp: now() - 60 }), /expired/],
    ["one of another issuer", () => access.issuer.token({ iss: "https://evil.example/" }), /claim iss/],
    ["one for somebody else", () => access.issuer.token({ aud: "shop" }), /claim aud/],
    ["one that does not hold yet", () => access.issuer.token({ nbf: now() + 60 }), /claim nbf/],
    ["one with an unknown key", () => access.issuer.token({ kid: "two" }), /unknown key/],
    ["one without a signature", () => access.issuer.unsigned(), /algorithm|no token/],
    ["an HMAC with the public key", () => access.issuer.confused(access.issuer.publicPem), /algorithm/],
    ["an HMAC with the public JWK", () => access.issuer.confused(JSON.stringify(access.issuer.publicJwk)), /algorithm/],
    ["one whose claims were changed", async () => changed(await access.issuer.token()), /signature/],
    ["one that names a role only of ours", () => access.issuer.token({ roles: ["admin"] }), /no role/],
    ["one with no role", () => access.issuer.token({ roles: [] }), /no role/],
    ["no token", () => "a.b.c", /no token/],
  ])("refuses a token: %s", async (_, make: () => string | Promise<string>, text) => {
    const problem = await problemOf(access.fetch("/worker", await make()));
    expect(problem).toMatchObject(unauthenticated);
    expect(problem.detail).toMatch(text);
  });

  it("leaves open what tells nothing, and nothing else", async () => {
    for (const path of ["/livez", "/readyz", "/openapi.json", "/"])
      expect((await fetch(access.url + path)).status).toBe(200);
    for (const path of ["/data", "/worker", "/worker/dead-letters", "/worker/events", "/data/readers", "/nothing"]) {
      expect((await fetch(access.url + path)).status).toBe(401);
    }
    for (const path of ["//data", "/docs/../data", "/./data", "/livez/../data", "/assets/..%2fdata"]) {
      const { status } = await rawGet(access.harness.port, path);
      expect([401, 404]).toContain(status);
    }
    expect((await rawGet(access.harness.port, `${access.url}/data`)).status).toBe(401);
  });

  it("says so in the words of each protocol, before the body is read", async () => {
    for (const [, transport] of access.transports(undefined)) {
      const data = createClient(DataReader, transport);
      for (const call of [data.listReaders({}), first(data.fetchUnread({}))]) {
        const error = await failureOf(call);
        expect([error.code, reasonOf(error)]).toEqual([Code.Unauthenticated, "UNAUTHENTICATED"]);
      }
      expect((await createClient(Health, transport).check({})).status).toBe(1);
    }
  });
});

describe("what they may do with the store", () => {
  it("shows of it only the sources that are permitted, by every protocol, and lets nobody else rebuild it", async () => {
    const { store } = access.harness;
    store.records.length = 0;
    store.add("quakes", "q", '{"n":1}');
    store.add("tides", "t", '{"n":2}');
    const fresh = { freshness: { behind: 5n, problem: "tides are late" } };
    const behind = (n: bigint) => ({ freshness: { behind: n, removedBefore: timestampFromMs(Number(n)) } });
    store.status = {
      kind: "sqlite",
      ...fresh,
      sources: [
        { source: "quakes", records: 1n, ...behind(2n) },
        { source: "tides", records: 1n, ...behind(3n) },
      ],
      rebuild: { done: 1n, total: 2n },
    };
    const { key } = access.keys.limited;
    const json = async (path: string): Promise<unknown> => (await access.fetch(path, key)).json();
    expect(await json("/records")).toMatchObject({ records: [{ id: "q" }] });
    expect(await json("/records/count")).toMatchObject({ total: 1 });
    expect(await json("/records/status")).toMatchObject({
      freshness: { behind: 2, problem: null, removedBefore: "1970-01-01T00:00:00.002Z" },
      sources: [{ source: "quakes" }],
      rebuild: null,
    });
    for (const path of [
      "/records?source=tides",
      "/records/count?source=quakes&source=tides",
      "/records/tides/t",
      "/records/nope/x",
    ])
      expect(await problemOf(access.fetch(path, key))).toMatchObject(denied);
    expect(await problemOf(access.post("/records", key, { sources: ["tides"] }))).toMatchObject(denied);
    expect(await problemOf(access.post("/records/rebuild", key, {}))).toMatchObject(denied);
    expect(await problemOf(access.post("/records/rebuild", access.keys.status.key, {}))).toMatchObject(denied);
    for (const [, transport] of access.transports(key)) {
      const client = createClient(RecordStore, transport);
      for await (const { records } of client.query({})) expect(records.map(({ id }) => id)).toEqual(["q"]);
      expect((await client.count({})).total).toBe(1n);
      const calls = [
        first(client.query({ filter: { sources: ["tides"] } })),
        client.get({ source: "tides", id: "t" }),
        client.count({ filter: { sources: ["tides"] } }),
        first(client.rebuildStore({})),
      ];
      for (const call of calls) expect((await failureOf(call)).code).toBe(Code.PermissionDenied);
    }
    expect(store.rebuilds).toBe(0);
    expect((await access.fetch("/records/rebuild", access.keys.admin.key, { method: "POST" })).status).toBe(200);
    expect(
      access.audit.filter(({ what }) => what === "RecordStore/RebuildStore").map(({ outcome }) => outcome),
    ).toContain("ok");
    expect(store.rebuilds).toBe(1);
  });
});

describe("what they may do", () => {
  it("refuses other readers' data by every protocol, and tells nothing of what is there", async () => {
    const { key } = access.keys.limited;
    access.harness.reader.positions.set("team-b.secret", 0);
    const texts = new Set<string>();
    for (const name of ["team-b.secret", "team-b.nothing", "team-a", "TEAM-A.x"]) {
      const problem = await problemOf(access.fetch(`/data?reader=${name}`, key));
      expect(problem).toMatchObject(denied);
      texts.add(problem.detail);
      expect(await problemOf(access.fetch(`/data/readers/${name}`, key))).toMatchObject(denied);
      expect(await problemOf(access.fetch(`/data/readers/${name}`, key, { method: "DELETE" }))).toMatchObject(denied);
      expect(await problemOf(access.post("/data/seek", key, { reader: name, to: "earliest" }))).toMatchObject(denied);
      expect(await problemOf(access.post("/data/ack", key, { reader: name, cursor: "c1" }))).toMatchObject(denied);
      for (const [, transport] of access.transports(key)) {
        const error = await failureOf(first(createClient(DataReader, transport).fetchUnread({ reader: name })));
        expect(error.code).toBe(Code.PermissionDenied);
        texts.add(error.rawMessage);
      }
    }
    expect([...texts]).toEqual(['this reader is not permitted; permitted are names that begin with "team-a."']);
    const { acknowledged, seeks, positions } = access.harness.reader;
    expect([acknowledged, seeks, positions.has("team-b.secret")]).toEqual([[], [], true]);
    positions.clear();
  });

  it("refuses other sources, by name, by cursor and by offset", async () => {
    const { key } = access.keys.limited;
    const foreign = cursorOver("team-a.x", "quakes", "tides");
    const own = "reader=team-a.x";
    for (const path of [
      `/data?${own}&source=tides`,
      `/data?${own}&source=quakes&source=tides`,
      `/data?${own}&since=${foreign}`,
      `/data?${own}&ack=${foreign}`,
      "/worker?source=tides",
      "/worker/dead-letters?source=tides",
      "/worker/events?source=tides",
    ]) {
      const accept = path.startsWith("/worker/events") ? { accept: "text/event-stream" } : {};
      const problem = await problemOf(access.fetch(path, key, { headers: accept }));
      expect(problem).toMatchObject({ ...denied, detail: "a source is not permitted; permitted are quakes" });
    }
    const events = { accept: "text/event-stream", "last-event-id": foreign };
    expect((await access.fetch(`/data?${own}`, key, { headers: events })).status).toBe(403);
    for (const to of [{ cursor: foreign }, { offsets: [{ source: "tides", partition: 0, offset: 0 }] }]) {
      expect(await problemOf(access.post("/data/seek", key, { reader: "team-a.x", to }))).toMatchObject(denied);
    }
    for (const command of ["start", "stop", "test"]) {
      expect(await problemOf(access.post("/worker", key, { command, sources: ["tides"] }))).toMatchObject(denied);
    }
  });

  it("takes all sources for those that are permitted", async () => {
    const { key } = access.keys.limited;
    const { reader } = access.harness;
    const answer = (await (await access.fetch("/data?reader=team-a.x", key)).json()) as { records: unknown[] };
    expect(answer.records).toHaveLength(2);
    expect(reader.requests.at(-1)?.sources).toEqual(["quakes"]);
    await access.post("/data/seek", key, { reader: "team-a.x", to: "latest" });
    expect(reader.seeks.at(-1)?.sources).toEqual(["quakes"]);
    for (const [, transport] of access.transports(key)) {
      const batch = await first(createClient(DataReader, transport).fetchUnread({ since: "c0" }));
      expect(batch?.records).toHaveLength(2);
      expect(reader.requests.at(-1)?.sources).toEqual(["quakes"]);
    }
    reader.seeks.length = 0;
    reader.positions.clear();
  });

  it("shows of every answer only what may be seen", async () => {
    const { positions } = access.harness.reader;
    for (const name of ["team-a.x", "team-b.y"]) positions.set(name, 0);
    const names = async (key: string) => {
      const answer = (await (await access.fetch("/data/readers", key)).json()) as { readers: { name: string }[] };
      expect(answer).toHaveProperty("readers");
      return answer.readers.map(({ name }) => name);
    };
    expect(await names(access.keys.admin.key)).toEqual(["team-a.x", "team-b.y"]);
    expect(await names(access.keys.limited.key)).toEqual(["team-a.x"]);
    // Both readers have positions in a source that this one may not know of.
    expect(await names(access.keys.reader.key)).toEqual([]);
    expect(await problemOf(access.fetch("/data/readers/team-a.x", access.keys.reader.key))).toMatchObject(denied);
    expect(await (await access.fetch("/worker", access.keys.reader.key)).json()).toEqual({ sources: [] });
    access.harness.reader.deadLetters = [Buffer.from("secret")];
    const letters = await problemOf(access.fetch("/worker/dead-letters", access.keys.reader.key));
    // The fake has no such source, and says which ones it has.
    expect(letters).toMatchObject({ reason: "UNKNOWN_SOURCE", detail: expect.not.stringContaining("quakes") });
    for (const [, transport] of access.transports(access.keys.reader.key)) {
      const watched = await first(createClient(WorkerControl, transport).watchStatus({}));
      expect(watched?.sources).toEqual([]);
      expect(await failureOf(createClient(WorkerControl, transport).start({}))).toMatchObject({ code: Code.NotFound });
    }
    positions.clear();
  });

  it("refuses methods that are not permitted, and says which ones are", async () => {
    const { key } = access.keys.status;
    expect((await access.fetch("/worker", key)).status).toBe(200);
    const problem = await problemOf(access.post("/worker", key, { command: "start" }));
    expect(problem).toMatchObject(denied);
    expect(problem.detail).toBe(
      "WorkerControl/Start is not permitted; permitted are WorkerControl/GetStatus, WorkerControl/WatchStatus",
    );
    expect(await problemOf(access.fetch("/data", key))).toMatchObject(denied);
    expect(access.harness.ingestor.started).toBe(false);
  });

  it("writes every call that controls something to the audit log, permitted or not", async () => {
    const before = access.audit.length;
    const id = { "x-request-id": "the-one" };
    await access.fetch("/data/readers/team-a.gone", access.keys.limited.key, { method: "DELETE", headers: id });
    await access.post("/worker", access.keys.limited.key, { command: "stop" });
    await access.post("/worker", access.keys.status.key, { command: "stop" });
    await access.fetch("/worker", "apispool_wrong");
    const who = { who: "limited-key", how: "key", from: "127.0.0.1" };
    expect(access.audit.slice(before)).toMatchObject([
      { ...who, what: "DataReader/DeleteReader", reader: "team-a.gone", outcome: "NotFound", requestId: "the-one" },
      { ...who, what: "WorkerControl/Stop", outcome: "ok" },
      { who: "status-key", what: "WorkerControl/Stop", outcome: "PermissionDenied" },
      { who: "nobody", what: "authenticate", outcome: "Unauthenticated", detail: "the key is unknown" },
    ]);
  });
});

describe("a change of the access file", () => {
  it("counts at once: streams that began with a withdrawn key end, and a file that is wrong changes nothing", async () => {
    const { harness, keys, file } = access;
    const before = await readFile(file, "utf8");
    const headers = { authorization: `Bearer ${keys.limited.key}` };
    const tail = EventClient.open(`${access.url}/data?reader=team-a.live&since=latest`.replace("latest", "c2"), {
      headers,
    });
    await eventually(() => tail.status === 200);
    await writeFile(file, "keys: 7\n");
    await eventually(() =>
      access.lines.some((line) => line.includes("permissions stay as they were: keys must be a list")),
    );
    expect((await access.fetch("/worker", keys.limited.key)).status).toBe(200);
    await writeFile(file, before.replace(/.*limited-key.*\n/, ""));
    await eventually(async () => (await access.fetch("/worker", keys.limited.key)).status === 401);
    harness.reader.add(['{"n":3}']);
    await tail.over();
    expect(tail.events.map(({ type, data }) => [type, (JSON.parse(data) as Problem).reason])).toEqual([
      ["error", "UNAUTHENTICATED"],
    ]);
    await writeFile(file, before);
    await eventually(async () => (await access.fetch("/worker", keys.limited.key)).status === 200);
  });
});

describe("secrets", () => {
  it("are in no log, no error and no answer", async () => {
    const token = await access.issuer.token();
    const forged = changed(token);
    const wrong = "apispool_wrong-secret-wrong-secret";
    const secrets = [...Object.values(access.keys).map(({ key }) => key), token, forged, wrong];
    const answers: string[] = [];
    for (const secret of secrets) {
      for (const path of [
        `/worker?key=${secret}`,
        `/data?api_key=${secret}`,
        `/data/readers/x?token=${secret}`,
        "/data/seek",
      ]) {
        for (const headers of [
          { authorization: `Bearer ${secret}` },
          { "x-api-key": secret },
          { authorization: secret },
        ]) {
          const response = await fetch(access.url + path, { headers });
          answers.push([...response.headers].join("\n"));
          // What is in the address is the client's own, and may be said back to it; what is in a header is not.
          if (!path.includes("?")) answers.push(await response.text());
          else await response.text();
        }
      }
    }
    const output = [...access.lines, ...answers].join("\n");
    expect(output).toContain("the key is unknown");
    for (const secret of secrets) expect(output.includes(secret)).toBe(false);
    for (const { sha256 } of Object.values(access.keys)) expect(output.includes(sha256)).toBe(false);
  });
});

/** The same signature under other claims. */
function changed(token: string): string {
  const [head = "", claims = "", signature = ""] = token.split(".");
  const forged = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  return [head, Buffer.from(JSON.stringify({ ...forged, sub: "eve" })).toString("base64url"), signature].join(".");
}

async function first<T>(messages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of messages) return message;
  return undefined;
}
