import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { Problem } from "./problem.js";
import { Harness, curl, eventually } from "./testing/harness.js";
import { RawClient, http1Get } from "./testing/raw-client.js";

/** 100,000 arrays, one in the other. */
// As deep as is taken, within a list and an object; what is deeper is in limits/attacks.test.ts.
const deep = "[".repeat(30) + "]".repeat(30);

const json = { "content-type": "application/json" };

describe("the JSON API", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ headersTimeoutMs: 1000 });
  });
  afterEach(() => harness.stop());

  const post = (path: string, body: string, headers: Record<string, string> = json): Promise<Response> =>
    fetch(`${harness.url}${path}`, { method: "POST", headers, body });

  const problemIn = async (response: Response): Promise<Problem> => {
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = (await response.json()) as Problem;
    expect(problem).toMatchObject({ status: response.status, requestId: response.headers.get("x-request-id") });
    expect(JSON.stringify(problem)).not.toMatch(/\.[jt]s:\d+/);
    return problem;
  };

  it("starts and stops, and says what changed", async () => {
    const first = await post("/worker", '{"command":"start"}', { ...json, "x-request-id": "mine-1" });
    expect(first.status).toBe(200);
    expect(first.headers.get("x-request-id")).toBe("mine-1");
    expect(harness.ingestor.contexts[0]?.requestId).toBe("mine-1");
    expect(await first.json()).toEqual({
      sources: [
        {
          source: "quakes",
          changed: true,
          desiredState: "STARTED",
          actualState: "IDLE",
          since: "2023-11-14T22:13:20.000Z",
          url: "http://api.example/quakes",
          lastPollAt: null,
          lastSuccessAt: null,
          nextPollAt: null,
          lastPollLatencySeconds: 0.25,
          lastHttpStatus: null,
          lastError: null,
          consecutiveFailures: 0,
          polls: 7,
          notModified: 0,
          recordsSinceStart: 0,
          recordsTotal: "1152921504606846976",
          duplicatesDropped: 0,
          deadLettered: 0,
          owner: null,
          cursor: null,
          currentPage: 0,
          rateLimit: null,
        },
      ],
    });
    const charset = { "content-type": 'Application/JSON; charset="UTF-8"' };
    expect(await (await post("/worker", '{"command":"start"}', charset)).json()).toMatchObject({
      sources: [{ changed: false }],
    });
    expect(await (await post("/worker", '{"command":"stop","sources":["quakes"]}')).json()).toMatchObject({
      sources: [{ changed: true, desiredState: "STOPPED", actualState: "STOPPED" }],
    });
    expect(await (await fetch(`${harness.url}/worker`)).json()).toMatchObject({ sources: [{ changed: false }] });
  });

  it("tries sources, and leaves the records' JSON as it is", async () => {
    const tried = await post("/worker", '{"command":"test"}');
    const text = await tried.text();
    expect(text).toContain('"record":{"mag":1.50,"n":12345678901234567890}');
    expect(tried.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(JSON.parse(text)).toMatchObject({
      sources: [
        {
          source: "quakes",
          recordsTotal: 1,
          deadLetters: [{ place: "item 2", reason: "it has no id", raw: '{"mag":2}' }],
          duplicates: 0,
          requests: [{ method: "GET", url: "http://api.example/quakes", status: 200 }],
          pages: 1,
          more: false,
          nextCursor: "2026",
          error: null,
        },
      ],
    });
    expect((await post("/worker", '{"command":"test","sources":["x"]}')).status).toBe(404);
  });

  it.each([
    ["no body", "", json, 400, "body", /empty/],
    ["broken JSON", '{"command":', json, 400, "body", /not JSON: .*(position|end)/],
    ["a number", "7", json, 400, "body", /a number; it must be a JSON object/],
    ["an array", '["start"]', json, 400, "body", /an array; it must be a JSON object/],
    ["null", "null", json, 400, "body", /null; it must be/],
    ["no command", "{}", json, 400, "command", /missing; it must be one of "start", "stop", "test"/],
    [
      "an unknown command",
      '{"command":"fly"}',
      json,
      400,
      "command",
      /"fly"; it must be one of "start", "stop", "test"/,
    ],
    ["a command of the wrong type", '{"command":{"a":1}}', json, 400, "command", /"start", "stop"/],
    ["an unknown field", '{"command":"start","speed":3}', json, 400, "speed", /known are command, sources/],
    ["an inherited name", '{"command":"start","__proto__":{}}', json, 400, "__proto__", /unknown/],
    ["sources that are no list", '{"command":"start","sources":"quakes"}', json, 400, "sources", /list of names/],
    ["a command very deep", `{"command":${deep}}`, json, 400, "command", /a list; it must be one of "start", "stop"/],
    ["sources very deep", `{"command":"start","sources":[${deep}]}`, json, 400, "sources[0]", /is a list; it must/],
    ["an array very deep", deep, json, 400, "body", /an array; it must be a JSON object/],
    ["a long command", JSON.stringify({ command: "x".repeat(1e6) }), json, 400, "command", /x{100}…"; it must/],
    ["a source that is no name", '{"command":"start","sources":["quakes",5]}', json, 400, "sources[1]", /is 5/],
    ["an unknown source", '{"command":"start","sources":["x"]}', json, 404, undefined, /"x"; known are quakes/],
    ["a form", "command=start", { "content-type": "application/x-www-form-urlencoded" }, 415, "content-type", /json/],
    ["plain text", '{"command":"start"}', { "content-type": "text/plain" }, 415, "content-type", /application\/json/],
    ["another charset", "{}", { "content-type": "application/json; charset=latin1" }, 415, "content-type", /utf-8/],
    ["a compressed body", "{}", { ...json, "content-encoding": "gzip" }, 415, "content-encoding", /as it is/],
    ["10 MB", JSON.stringify({ command: "x".repeat(10_000_000) }), json, 413, "body", /1048576/],
  ])("answers %s with what is wrong and what is allowed", async (_what, body, headers, status, field, problem) => {
    const response = await post("/worker", body, headers);
    expect(response.status).toBe(status);
    const answer = await problemIn(response);
    expect(answer.detail).toMatch(problem);
    expect(JSON.stringify(answer).length).toBeLessThan(2000);
    if (field !== undefined) {
      expect(answer.errors).toMatchObject([{ field, problem: expect.stringMatching(problem) as unknown }]);
    }
    expect(harness.ingestor.started).toBe(false);
  });

  it.each([
    ["HTTP/1.1", ["--http1.1"]],
    ["HTTP/1.1 without asking first", ["--http1.1", "-H", "expect:"]],
    ["HTTP/1.1 in chunks", ["--http1.1", "-H", "expect:", "-H", "transfer-encoding: chunked"]],
    ["HTTP/2", ["--http2-prior-knowledge"]],
  ])("lets curl see the 413 to 10 MB over %s", async (_name, options) => {
    const script = `head -c 10000000 /dev/zero | curl -sS -w '%{http_code}' --data-binary @- "$@"`;
    const { execFile } = await import("node:child_process");
    const answer = await new Promise<string>((resolve, reject) => {
      const args = ["-c", script, "sh", ...options, "-H", "content-type: application/json", `${harness.url}/worker`];
      execFile("sh", args, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
    });
    expect(answer).toMatch(/"code":"resource_exhausted"[^]*413$/);
  });

  it("names the first of very many wrong fields", async () => {
    const body = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`f${n}`, n]));
    const response = await post("/worker", JSON.stringify({ command: "start", ...body }));
    expect(response.status).toBe(400);
    expect((await problemIn(response)).errors).toHaveLength(20);
  });

  it.each([
    ["reader", 7],
    ["reader", ""],
    ["sources", "x"],
    ["sources", JSON.parse(deep) as unknown],
    ["limit", -1],
    ["limit", 1.5],
    ["limit", "5"],
    ["limit", JSON.parse(deep) as unknown],
    ["max_bytes", 2 ** 53],
    ["wait", 301],
    ["wait", "1"],
    ["ack", true],
    ["since", {}],
    ["start", "yesterday"],
    ["speed", 3],
  ])("refuses POST /data with a wrong %s (%#)", async (name, value) => {
    // The text of the deep ones is put in by hand: they are as long as they are deep.
    const text = Array.isArray(value) ? deep : JSON.stringify(value);
    const response = await post("/data", `{"${name}":${text}}`);
    expect(response.status).toBe(400);
    expect((await problemIn(response)).errors?.map(({ field }) => field.replace(/\[0\]$/, ""))).toEqual([name]);
    expect(harness.reader.requests).toEqual([]);
  });

  it("names every wrong parameter at once", async () => {
    const response = await fetch(`${harness.url}/data?limt=1&limit=x&wait=301&reader=a&reader=b&start=soon`);
    expect(response.status).toBe(400);
    const { errors } = await problemIn(response);
    expect(errors?.map(({ field }) => field).toSorted()).toEqual(["limit", "limt", "reader", "start", "wait"]);
  });

  it.each([
    ["limit=x", 'limit: is "x"; it must be a whole number from 0 (no limit)'],
    ["limit=-1", "limit: is -1; it must be a whole number from 0 (no limit)"],
    ["limit=1e999", 'limit: is "1e999"; it must be'],
    ["reader=a/b", 'reader: is "a/b"; it must be 1 to 200 letters, digits, ".", "_" or "-"'],
    ["reader=a&reader=b", "reader: is given more than once; only source, key, header may be repeated"],
    ["source=", "source: is empty; it must be the name of a source"],
    ["source=a&source=", "source[1]: is empty; it must be the name of a source"],
    ["wait=301", "wait: is 301; it must be a number of seconds from 0 to 300"],
    ["ack=", "ack: is empty; it must be auto, manual or a cursor"],
    ["since=c1&ack=auto", "ack: goes with since only as manual: a fetch from a cursor acknowledges nothing"],
    ["start=2026", 'start: is "2026"; it must be earliest, latest, or a time such as 2026-11-24T12:00:00Z'],
    ["follow=yes", 'follow: is "yes"; it must be true or false'],
    ["header=a:1&header=a:2", 'header[1]: names "a" again; a name may come once'],
    ["header=a", 'header: is "a"; it must be a header\'s name, ":" and its value'],
    [`where=${"a".repeat(2001)}`, "it must be a JMESPath of at most 2000 characters"],
    [
      `key=${Array.from({ length: 1001 }, (_, n) => n).join("&key=")}`,
      "key: has 1001 entries; there may be 1000 at most",
    ],
  ])("says of /data?%.30s what is wrong and what is allowed", async (query, text) => {
    const response = await fetch(`${harness.url}/data?${query}`);
    expect([response.status, (await problemIn(response)).detail]).toEqual([400, expect.stringContaining(text)]);
    expect(harness.reader.requests).toEqual([]);
  });

  it("refuses parameters where the body says what is asked for, and where there are none", async () => {
    for (const [path, method, hint] of [
      ["/data?reader=a", "POST", "reader: is unknown; what is asked for is said in the body"],
      ["/data/readers?x=1", "GET", "x: is unknown; there are no parameters"],
      ["/worker?reader=1", "GET", "reader: is unknown; known are source"],
    ] as const) {
      const response = await fetch(`${harness.url}${path}`, {
        method,
        ...(method === "POST" ? { headers: json, body: "{}" } : {}),
      });
      expect([response.status, (await problemIn(response)).detail]).toEqual([400, hint]);
    }
  });

  it("hands every parameter on, in the query and in the body", async () => {
    await fetch(
      `${harness.url}/data?reader=a&source=x&source=y&limit=0.5e1&max_bytes=6&wait=2.5e-1&ack=c0&start=2026-01-02T03:04:05Z`,
    );
    const body = {
      reader: "a",
      sources: ["x", "y"],
      limit: 5,
      max_bytes: 6,
      wait: 0.25,
      ack: "c0",
      start: "2026-01-02T03:04:05Z",
    };
    expect((await post("/data", JSON.stringify(body))).status).toBe(200);
    const [fromQuery, fromBody] = harness.reader.requests;
    expect(fromQuery).toMatchObject({
      reader: "a",
      sources: ["x", "y"],
      limit: 5n,
      maxBytes: 6n,
      wait: { seconds: 0n, nanos: 250_000_000 },
      ackCursor: "c0",
      start: { at: { case: "timestamp", value: { seconds: 1_767_323_045n } } },
    });
    expect(fromBody).toEqual(fromQuery);
  });

  it("hands filters on, in the query and in the body", async () => {
    const where = "mag > `5` && place == 'a+b'";
    const query = new URLSearchParams({ reader: "a", where });
    for (const key of ["k1", "k:2"]) query.append("key", key);
    for (const header of ["ce_type:a:b", "x-é:"]) query.append("header", header);
    await fetch(`${harness.url}/data?${query.toString()}`);
    const body = { reader: "a", keys: ["k1", "k:2"], headers: { ce_type: "a:b", "x-é": "" }, where };
    expect((await post("/data", JSON.stringify(body))).status).toBe(200);
    const [fromQuery, fromBody] = harness.reader.requests;
    expect(fromQuery).toMatchObject({ keys: body.keys, headers: body.headers, where });
    expect(fromBody).toEqual(fromQuery);
  });

  it.each([
    ["key=&key=a", ["key[0]"]],
    ["header=plain", ["header"]],
    ["header=a:1&header=:2&header=a:3", ["header[1]", "header[2]"]],
    ["where=", ["where"]],
    ["where=a&where=b", ["where"]],
  ])("names what is wrong with the filters %s", async (query, fields) => {
    const response = await fetch(`${harness.url}/data?${query}`);
    expect([response.status, (await problemIn(response)).errors?.map(({ field }) => field)]).toEqual([400, fields]);
  });

  it.each([
    [{ keys: "a" }, ["keys"]],
    [{ keys: [1, ""] }, ["keys[0]", "keys[1]"]],
    [{ headers: [] }, ["headers"]],
    [{ headers: { a: 1, b: "x", c: null } }, ["headers.a", "headers.c"]],
    [{ where: true }, ["where"]],
  ])("names what is wrong with the filters %j", async (body, fields) => {
    const response = await post("/data", JSON.stringify(body));
    expect([response.status, (await problemIn(response)).errors?.map(({ field }) => field)]).toEqual([400, fields]);
  });

  it("puts the records' own JSON in byte for byte", async () => {
    const odd = '{ "z":1.10,"a" : 123456789012345678901234567890,\n "é":"\\u00e9" }';
    harness.reader.add([odd, "[1]"]);
    const text = await curl(`${harness.url}/data?ack=manual`);
    expect(text).toContain(`"data":${odd}}`);
    expect(JSON.parse(text)).toMatchObject({
      records: [{ id: "q0", offset: 0 }, { data: [1] }],
      cursor: "c2",
      gaps: [],
    });
    const lines = (await curl("-H", "accept: application/x-ndjson", `${harness.url}/data?ack=manual`)).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain(`"data":${odd.replace("\n", " ")}}`);
    expect(JSON.parse(lines[2] ?? "")).toEqual({ cursor: "c2" });
  });

  it("answers in the form that is asked for", async () => {
    const typeFor = async (accept: string): Promise<string | null> =>
      (await fetch(`${harness.url}/data?ack=manual`, { headers: { accept } })).headers.get("content-type");
    expect(await typeFor("*/*")).toBe("application/json; charset=utf-8");
    expect(await typeFor("application/json;q=0.5, application/x-ndjson")).toBe("application/x-ndjson; charset=utf-8");
    const other = await fetch(`${harness.url}/data`, { headers: { accept: "text/csv" } });
    expect(other.status).toBe(406);
    expect((await problemIn(other)).detail).toContain("application/json, application/x-ndjson, text/event-stream can");
    expect(harness.reader.requests).toHaveLength(2);
  });

  it("is never cached", async () => {
    const response = await fetch(`${harness.url}/data`);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("vary")).toBe("Accept, Accept-Encoding");
  });

  it("knows its paths and methods", async () => {
    const missing = await problemIn(await fetch(`${harness.url}/wrker`));
    expect(missing).toMatchObject({ status: 404, code: "not_found" });
    expect(missing.detail).toContain(
      "/worker, /worker/events, /worker/dead-letters, /data, /data/ack, /data/seek, /data/readers, /data/readers/{name}, ",
    );
    const wrong = await fetch(`${harness.url}/data/ack`);
    expect(wrong.headers.get("allow")).toBe("OPTIONS, POST");
    expect(await problemIn(wrong)).toMatchObject({ status: 405 });
    const options = await fetch(`${harness.url}/data`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
    expect((await fetch(`${harness.url}/livez`)).status).toBe(200);
    const client = new RawClient({
      port: harness.port,
      request: "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    });
    await client.over();
    expect(client.received.toString()).toMatch(/^HTTP\/1.1 204 [^]*\r\nallow: DELETE, GET, HEAD, OPTIONS, POST\r\n/);
    client.die();
  });

  it("turns an upstream error before the first record into a problem", async () => {
    harness.reader.failAfter = {
      records: 0,
      error: rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "Kafka cannot be reached", { retryAfterMs: 2100 }),
    };
    const failed = await fetch(`${harness.url}/data`);
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "3"]);
    expect(await problemIn(failed)).toMatchObject({ code: "unavailable", reason: "KAFKA_UNAVAILABLE" });
    await harness.reader.stop();
    const down = await fetch(`${harness.url}/data`);
    expect(down.status).toBe(503);
    expect(down.headers.get("retry-after")).toBe("1");
    expect(await problemIn(down)).toMatchObject({ code: "unavailable", reason: "SERVICE_UNAVAILABLE" });
    await eventually(async () => (await fetch(`${harness.url}/readyz`)).status === 503);
    expect((await problemIn(await fetch(`${harness.url}/readyz`))).detail).toMatch(/the reader at 127\.0\.0\.1:\d+/);
  });

  it("turns an upstream error after an empty batch into a problem too", async () => {
    harness.reader.emptyFirst = true;
    harness.reader.failAfter = { records: 0, error: rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "gone") };
    for (const query of ["", "?ack=manual"]) {
      const response = await fetch(`${harness.url}/data${query}`);
      expect(response.status).toBe(503);
      expect(await problemIn(response)).toMatchObject({ reason: "KAFKA_UNAVAILABLE" });
    }
  });

  it.each(["", "?ack=manual"])("takes an upstream end without completion for no end (/data%s)", async (query) => {
    harness.reader.emptyFirst = true;
    harness.reader.failAfter = { records: 0, error: undefined };
    const response = await fetch(`${harness.url}/data${query}`);
    expect(response.status).toBe(503);
    expect((await problemIn(response)).detail).toMatch(/the reader at .* ended before it was done/);
  });

  it.each(["--http1.1", "--http2-prior-knowledge"])("breaks off over %s what upstream broke off", async (option) => {
    harness.reader.add(Array.from({ length: 300 }, (_, n) => `{"n":${n}}`));
    harness.reader.failAfter = { records: 200, error: rpcError(Code.Internal, "INTERNAL", "secret") };
    // 18: partial file; 56: reset; 92: HTTP/2 stream error.
    await expect(curl(option, `${harness.url}/data`)).rejects.toMatchObject({ code: expect.any(Number) as unknown });
    await eventually(() => harness.reader.held === 0);
    expect(harness.reader.acknowledged).toEqual([]);
  });

  it.each([
    [
      "without a host",
      "POST /apispool.v1.WorkerControl/Start HTTP/1.0\r\ncontent-type: application/json\r\n\r\n",
      "400",
    ],
    [
      "with a broken host",
      "POST /apispool.v1.WorkerControl/Start HTTP/1.1\r\nhost: [\r\ncontent-length: 0\r\n\r\n",
      "400",
    ],
    ["that is no HTTP", "hello, is anybody there?\r\n\r\n", "400"],
    ["with headers without end", `GET / HTTP/1.1\r\nhost: x\r\n${"a: b\r\n".repeat(5000)}\r\n`, "431"],
    ["that never gets whole", "GET /livez HTTP/1.1\r\nhost: x\r\n", "408"],
  ])("survives a request %s", async (_what, request, status) => {
    const client = new RawClient({ port: harness.port, request });
    await client.over();
    expect(client.received.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json`));
    client.die();
    expect((await fetch(`${harness.url}/livez`)).status).toBe(200);
  });

  it("takes a request in the absolute form, and one in pieces", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("http://x.example/livez") });
    await client.until((received) => received.includes("alive"));
    client.die();
    const slow = new RawClient({ port: harness.port, request: "P" });
    for (const piece of ["RI", " / HTTP/1.1\r\nho", "st: x\r\n\r\n"]) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      slow.socket.write(piece);
    }
    await slow.over();
    expect(slow.received.toString()).toMatch(/^HTTP\/1.1 400/);
    slow.die();
  });
});

describe("a gateway that stops", () => {
  it("settles what it owes, answers what it has begun, and lets nothing new in", async () => {
    const harness = await Harness.start({ deliveryIdleMs: 60_000 });
    harness.reader.add(['{"n":0}']);
    const { Agent, get } = await import("node:http");
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      get(`${harness.url}/data?reader=owed`, { agent }, (response) => response.resume().on("end", resolve));
    });
    expect(harness.reader.positionOf("owed")).toBe(0);
    harness.reader.positions.set("polling", 1);
    const polling = fetch(`${harness.url}/data?reader=polling&wait=100`);
    await eventually(() => harness.reader.held === 2);
    const stopped = harness.gateway?.stop();
    await expect(fetch(`${harness.url}/livez`)).rejects.toThrow();
    const answer = await polling;
    expect([answer.status, ((await answer.json()) as Problem).reason]).toEqual([503, "SHUTTING_DOWN"]);
    await stopped;
    expect(harness.reader.positionOf("owed")).toBe(1);
    expect(harness.reader.held).toBe(0);
    agent.destroy();
    await Promise.all([harness.reader.stop(), harness.ingestor.stop()]);
  });
});
