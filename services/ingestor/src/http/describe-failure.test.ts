import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";
import { RawServer } from "../testing/raw-server.js";

describe("what went wrong", () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
  });

  const soon = String(Math.round(Date.now() / 1000) + 100);

  it.each([
    [400, {}, "rejected", "does not accept the request"],
    [401, {}, "unauthorized", "check auth"],
    [403, {}, "forbidden", "refuses access"],
    [403, { "retry-after": "7" }, "throttled", "left alone for 7 s"],
    [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": soon }, "throttled", "asked too often"],
    [403, { "x-ratelimit-remaining": "9", "x-ratelimit-reset": soon }, "forbidden", "refuses access"],
    [404, {}, "not-found", "nothing at this address"],
    [408, {}, "timeout", "took too long"],
    [410, {}, "not-found", "gone for good"],
    [418, {}, "rejected", "does not accept the request"],
    [429, {}, "throttled", "asked too often"],
    [500, {}, "server", "failure of its own"],
    [503, {}, "server", "failure of its own"],
    [503, { "retry-after": "7" }, "throttled", "left alone for 7 s"],
  ] as const)("is told by HTTP %d with %j: %s", async (status, headers, kind, text) => {
    using client = new TestClient(api.url);
    api.answer((_request, response) => response.writeHead(status, { ...headers }).end('{"message":"why it is so"}'));
    const failure = await client.failure();
    expect(failure).toMatchObject({ kind, httpStatus: status, message: expect.stringContaining(text) });
    expect(failure.message).toContain('it says: "why it is so"');
    if ("retry-after" in headers) expect(failure.retryAfterMs).toBe(7000);
    if ("x-ratelimit-remaining" in headers && kind === "throttled") {
      expect(failure.retryAfterMs).toBeGreaterThan(90_000);
      expect(client.client.budget?.remaining).toBe(0);
    }
  });

  it("is told in time where the refusal itself never ends", async () => {
    using client = new TestClient(api.url, { network: { timeoutMs: 200 } });
    api.answer((_request, response) => void response.writeHead(500, { "content-type": "text/plain" }).write("so far"));
    expect(await client.failure()).toMatchObject({ kind: "server", message: expect.stringContaining('"so far"') });
    api.answer((_request, response) => response.writeHead(500, { "content-encoding": "br" }).end("not brotli"));
    expect(await client.failure()).toMatchObject({ kind: "server", httpStatus: 500 });
  });

  it("is told of an HTML page by its title", async () => {
    using client = new TestClient(api.url);
    api.answer((_request, response) => response.writeHead(502).end("<html><title>Bad gateway</title><p>x</html>"));
    expect((await client.failure()).message).toContain('"Bad gateway"');
  });

  it("is told of connections", async () => {
    using refused = new TestClient("http://127.0.0.1:1/");
    expect(await refused.failure()).toMatchObject({
      kind: "network",
      message: "nothing accepts connections at http://127.0.0.1:1/ (ECONNREFUSED)",
    });
    const unknown = Object.assign(new Error("x"), { code: "ENOTFOUND" });
    using named = new TestClient("http://nowhere.test/", {}, { lookup: (_host, _options, done) => done(unknown, "") });
    expect(await named.failure()).toMatchObject({
      kind: "network",
      message: expect.stringContaining("cannot be resolved"),
    });
    await using resetting = await RawServer.start((socket) => socket.once("data", () => socket.resetAndDestroy()));
    using reset = new TestClient(resetting.url);
    expect(await reset.failure()).toMatchObject({ kind: "network", message: expect.stringContaining("cut off") });
    await using closing = await RawServer.saying("");
    using closed = new TestClient(closing.url);
    expect(await closed.failure()).toMatchObject({ kind: "network", message: expect.stringContaining("cut off") });
    await using talking = await RawServer.saying("SSH-2.0-OpenSSH_9.2\r\n");
    using other = new TestClient(talking.url);
    expect(await other.failure()).toMatchObject({ kind: "malformed", message: expect.stringContaining("not HTTP") });
    using plain = new TestClient(api.url.replace("http:", "https:"));
    expect(await plain.failure()).toMatchObject({ kind: "tls", message: expect.stringContaining("speak https") });
  });

  it("is told of what cannot be sent", async () => {
    using client = new TestClient(api.url);
    expect(await client.failure({ headers: { "a b": "c" } })).toMatchObject({ kind: "config" });
    expect(await client.failure({ url: "api/data" })).toMatchObject({ kind: "config" });
    expect(await client.failure({ url: "ftp://api.test/", fromAnswer: true })).toMatchObject({
      kind: "blocked",
      message: expect.stringContaining("not an http or https address"),
    });
    expect(api.requests).toHaveLength(0);
    api.answer((_request, response) => response.writeHead(200, { "x-long": "x".repeat(20_000) }).end());
    expect(await client.failure()).toMatchObject({ kind: "malformed", message: expect.stringContaining("headers") });
  });

  it("carries no request with its secrets", async () => {
    using client = new TestClient("http://127.0.0.1:1/", {
      auth: { type: "bearer", token: { kind: "value", value: "hush-hush" } },
    });
    const failure = await client.failure();
    expect(failure.cause).toMatchObject({ code: "ECONNREFUSED" });
    expect(failure.cause).not.toHaveProperty("config");
    expect(failure.cause).not.toHaveProperty("request");
  });

  it("is nothing where a kept connection was closed just as it was used again", async () => {
    await using server = await RawServer.start((socket, number) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (number === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
      });
    });
    using client = new TestClient(server.url);
    expect(await client.text()).toBe("[]");
    expect(await client.text()).toBe("[]");
    expect(server.connections).toBe(2);
  });

  it("waits where the API says that nothing is left", async () => {
    const waits: number[] = [];
    let now = Date.now();
    const sleep = async (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
    };
    using client = new TestClient(api.url, {}, { now: () => now, sleep });
    api.answer((_request, response) =>
      response.writeHead(200, { "ratelimit-remaining": "0", "ratelimit-reset": "30" }).end(),
    );
    await client.text();
    await client.text();
    expect(waits).toEqual([30_000]);
  });
});
