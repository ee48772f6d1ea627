import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";
import { RawServer } from "../testing/raw-server.js";

describe("time limits", () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
  });

  it("end what hangs", async () => {
    using client = new TestClient(api.url, { network: { timeoutMs: 100 } });
    api.answer(() => undefined);
    expect(await client.failure()).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining("no complete answer within 100 ms (timeout)"),
    });
  });

  it("end what drips in slowly, before it is done", async () => {
    using client = new TestClient(api.url, { network: { timeoutMs: 200 } });
    let done = false;
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    api.answer((_request, response) => {
      const drip = setInterval(() => response.write(" "), 20);
      const end = setTimeout(() => {
        done = true;
        response.end();
      }, 8000);
      response.on("close", () => {
        clearInterval(drip);
        clearTimeout(end);
        closed?.();
      });
    });
    expect(await client.failure()).toMatchObject({ kind: "timeout", message: expect.stringContaining("200 ms") });
    await gone;
    expect(done).toBe(false);
  });

  it("count redirects and what they lead to together", async () => {
    using client = new TestClient(api.url, { network: { timeoutMs: 300, maxRedirects: 100 } });
    api.answer((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: `/${api.requests.length}` }).end(), 50);
    });
    expect(await client.failure()).toMatchObject({ kind: "timeout" });
  });

  it("do not blame the API for a reader that takes its time", async () => {
    using client = new TestClient(api.url, { network: { timeoutMs: 300, maxBytes: 10_000_000 } });
    api.answer((_request, response) => response.end("x".repeat(5_000_000)));
    const { body } = await client.send();
    await once(body, "readable");
    await wait(600);
    let bytes = 0;
    for await (const chunk of body) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(5_000_000);
  });

  it("for the connection are apart: TLS that never answers", async () => {
    await using silent = await RawServer.start(() => undefined);
    using client = new TestClient(`https://127.0.0.1:${silent.port}/`, { network: { connectTimeoutMs: 100 } });
    expect(await client.failure()).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining("no connection within 100 ms (connect_timeout)"),
    });
  });

  it("for the connection are apart: names that are not resolved", async () => {
    using client = new TestClient(
      "http://api.test/",
      { network: { connectTimeoutMs: 100 } },
      { lookup: () => undefined },
    );
    expect((await client.failure()).message).toContain("connect_timeout");
  });

  it("for the connection do not end a slow answer", async () => {
    using client = new TestClient(api.url, { network: { connectTimeoutMs: 100 } });
    api.answer((_request, response) => void setTimeout(() => response.end("late"), 300));
    expect(await client.text()).toBe("late");
    expect(await client.text()).toBe("late");
  });

  it("give way to the caller's own signal, before and during the body", async () => {
    using client = new TestClient(api.url);
    const stop = new AbortController();
    api.answer(() => stop.abort(new Error("told to stop")));
    await expect(client.send({}, stop.signal)).rejects.toThrow("told to stop");
    const later = new AbortController();
    api.answer((_request, response) => void response.write("x"));
    const { body } = await client.send({}, later.signal);
    const reading = (async () => {
      for await (const _chunk of body) later.abort(new Error("told to stop now"));
    })();
    await expect(reading).rejects.toThrow("told to stop now");
    await expect(client.send({}, stop.signal)).rejects.toThrow("told to stop");
  });
});
