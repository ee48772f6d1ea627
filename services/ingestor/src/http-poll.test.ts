import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { poll } from "./http-poll.js";
import { PollError } from "./poll-error.js";
import { FakeApi } from "./testing/fake-api.js";

describe("asking an API", () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
  });

  const never = new AbortController().signal;
  const ask = async (more = {}, stop = never) =>
    await poll({ url: api.url, timeoutMs: 3000, maxBytes: 100_000, headers: {}, ...more }, {}, stop);
  const failure = async (more = {}): Promise<PollError> => {
    const error = await ask(more).then(
      () => new Error("it succeeded"),
      (thrown: unknown) => thrown,
    );
    if (error instanceof PollError) return error;
    throw error as Error;
  };

  it("gives the body as it was sent, decompressed, and what makes the next request conditional", async () => {
    const body = Buffer.from('\ufeff{"a": 12345678901234567890}');
    api.answer((_request, response) =>
      response
        .writeHead(200, { "content-encoding": "gzip", etag: 'W/"1"', "last-modified": "Tue, 24 Nov 2026 12:00:00 GMT" })
        .end(gzipSync(body)),
    );
    expect(await ask({ headers: { "x-key": "k" } })).toEqual({
      kind: "page",
      status: 200,
      body,
      validators: { etag: 'W/"1"', lastModified: "Tue, 24 Nov 2026 12:00:00 GMT" },
    });
    expect(api.requests[0]?.headers).toMatchObject({ "x-key": "k", "user-agent": "apispool/0.1" });
  });

  it("tells the statuses apart, with the wait that the API asks for", async () => {
    api.answer((_request, response) => response.writeHead(429, { "retry-after": "7" }).end());
    expect(await failure()).toMatchObject({
      httpStatus: 429,
      retryAfterMs: 7000,
      message: expect.stringContaining("too often"),
    });
    for (const [status, text] of [
      [401, "credentials"],
      [403, "refuses"],
      [404, "nothing at this address"],
      [503, "its own"],
    ] as const) {
      api.answer((_request, response) => response.writeHead(status).end());
      expect(await failure()).toMatchObject({ httpStatus: status, message: expect.stringContaining(text) });
    }
  });

  it("ends what hangs, and what drips in slowly", async () => {
    api.answer(() => undefined);
    expect((await failure({ timeoutMs: 100 })).message).toContain("no complete answer within 100 ms");
    api.answer((_request, response) => {
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    });
    expect((await failure({ timeoutMs: 150 })).message).toContain("no complete answer within 150 ms");
  });

  it("takes no more than allowed, compressed or not, and nothing that was cut off", async () => {
    api.answer((_request, response) => response.end("x".repeat(100_001)));
    expect((await failure()).message).toContain("larger than 100000 bytes");
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    api.answer((_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    expect((await failure()).message).toContain("larger than 100000 bytes");
    api.answer((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("[1,2");
      setTimeout(() => response.destroy(), 20);
    });
    expect((await failure()).message).toContain("cut off");
  });

  it("follows redirects on the same server only, and not for ever", async () => {
    api.answer((request, response) => {
      if (request.url === "/data") response.writeHead(302, { location: "/other" }).end();
      else response.end("[]");
    });
    expect(await ask()).toMatchObject({ kind: "page", status: 200 });
    api.answer((_request, response) => response.writeHead(302, { location: "/data" }).end());
    expect((await failure()).message).toContain("more than 5 times");
    await using other = await FakeApi.start();
    api.answer((_request, response) => response.writeHead(307, { location: other.url }).end());
    expect((await failure({ headers: { authorization: "hush" } })).message).toContain(other.url);
    expect(other.requests).toHaveLength(0);
  });

  it("says what a person can do where there is no connection", async () => {
    expect((await failure({ url: "http://127.0.0.1:1/" })).message).toContain("nothing accepts connections at");
    expect((await failure({ url: api.url.replace("http:", "https:") })).message).toMatch(/TLS failed|https/);
  });

  it("gives up at once when told to stop", async () => {
    const stop = new AbortController();
    api.answer(() => stop.abort(new Error("told to stop")));
    await expect(ask({}, stop.signal)).rejects.toThrow("told to stop");
  });
});
