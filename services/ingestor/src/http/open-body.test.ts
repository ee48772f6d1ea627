import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";
import { RawServer } from "../testing/raw-server.js";

const text = JSON.stringify(Array.from({ length: 5000 }, (_unused, id) => ({ id, name: `record ${id}` })));

describe("the body of an answer", () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
  });

  const answer = (coding: string, body: Buffer): void =>
    api.answer((_request, response) => response.writeHead(200, { "content-encoding": coding }).end(body));

  it.each([
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
    ["identity", Buffer.from(text)],
    ["GZIP, br", brotliCompressSync(gzipSync(text))],
    ["deflate, gzip, zstd", zstdCompressSync(gzipSync(deflateRawSync(text)))],
    ["gzip", Buffer.concat([gzipSync(text.slice(0, 1000)), gzipSync(text.slice(1000))])],
  ])("is decompressed: %s", async (coding, body) => {
    using client = new TestClient(api.url);
    answer(coding, body);
    expect(await client.text()).toBe(text);
    const { headers } = await client.send();
    expect(headers).not.toHaveProperty("content-encoding");
    expect(api.requests[0]?.headers["accept-encoding"]).toBe("gzip, deflate, br, zstd");
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const)(
    "is cut off where its compressed data is, also when HTTP sees nothing wrong: %s",
    async (coding, compress) => {
      using client = new TestClient(api.url);
      const whole = compress(randomBytes(20_000).toString("hex"));
      for (const length of [1, 100, whole.length - 1]) {
        answer(coding, whole.subarray(0, length));
        expect(await client.failure()).toMatchObject({
          kind: "malformed",
          cutOff: true,
          message: expect.stringContaining("cut off"),
        });
      }
    },
  );

  it("cannot be something else than it says", async () => {
    using client = new TestClient(api.url);
    for (const coding of ["gzip", "deflate", "br", "zstd"]) {
      answer(coding, Buffer.from("this is not compressed at all"));
      expect(await client.failure()).toMatchObject({
        kind: "malformed",
        cutOff: false,
        message: expect.stringContaining("cannot be decompressed"),
      });
    }
    answer("compress", Buffer.from("x"));
    expect((await client.failure()).message).toContain('compressed as "compress"; known are gzip, deflate, br, zstd');
    answer("gzip, gzip, gzip, gzip", Buffer.from("x"));
    expect((await client.failure()).message).toContain("4 times over");
  });

  it("may be empty and have a coding all the same", async () => {
    using client = new TestClient(api.url);
    api.answer((_request, response) =>
      response.writeHead(200, { "content-encoding": "gzip", "content-length": "0" }).end(),
    );
    expect(await client.text()).toBe("");
    api.answer((_request, response) => response.writeHead(304, { "content-encoding": "gzip", etag: '"1"' }).end());
    expect(await client.send()).toMatchObject({ status: 304, headers: { etag: '"1"' } });
    api.answer((_request, response) => response.writeHead(204).end());
    expect(await client.text()).toBe("");
  });

  it("is never larger than allowed, compressed or not", async () => {
    using client = new TestClient(api.url, { network: { maxBytes: 1000 } });
    for (const send of [
      () => api.answer((_request, response) => response.end("x".repeat(1001))),
      () =>
        api.answer((_request, response) => void response.write("x".repeat(600), () => response.end("x".repeat(600)))),
      () => answer("gzip", gzipSync("x".repeat(1001))),
    ]) {
      send();
      expect(await client.failure()).toMatchObject({
        kind: "malformed",
        cutOff: false,
        message: expect.stringContaining("larger than 1000 bytes (max_bytes)"),
      });
    }
    api.answer((_request, response) => response.end("x".repeat(1000)));
    expect(await client.text()).toHaveLength(1000);
  });

  it("does not fill the memory, whatever is packed into it", async () => {
    const maxBytes = 200_000_000;
    using client = new TestClient(api.url, { network: { maxBytes, timeoutMs: 60_000 } });
    // Four gigabytes in four megabytes, and the same packed once more.
    const member = gzipSync(Buffer.alloc(100_000_000));
    const bomb = Buffer.concat(Array.from({ length: 40 }, () => member));
    for (const [coding, body] of [
      ["gzip", bomb],
      ["gzip, gzip", gzipSync(bomb)],
      ["gzip, zstd", zstdCompressSync(bomb)],
    ] as const) {
      answer(coding, body);
      const before = process.memoryUsage.rss();
      const { body: read } = await client.send();
      let most = 0;
      let bytes = 0;
      const reading = (async () => {
        for await (const chunk of read) {
          bytes += (chunk as Buffer).length;
          most = Math.max(most, process.memoryUsage.rss() - before);
        }
      })();
      await expect(reading).rejects.toThrow(/larger than 200000000 bytes/);
      expect(bytes).toBeLessThanOrEqual(maxBytes);
      expect(most).toBeLessThan(100_000_000);
    }
  });

  it("does not go on for ever inside of a decoder", async () => {
    using client = new TestClient(api.url, { network: { maxBytes: 100_000 } });
    // Nothing comes out of it at all, so that counting what comes out is not enough.
    const nothing = gzipSync(Buffer.concat(Array.from({ length: 20_000 }, () => gzipSync(""))));
    answer("gzip, gzip", nothing);
    expect((await client.failure()).message).toContain("larger than 100000 bytes");
  });

  it("is not asked for in parts, so a part is no answer", async () => {
    using client = new TestClient(api.url);
    api.answer((_request, response) => response.writeHead(206, { "content-range": "bytes 0-1/9" }).end("[1"));
    expect((await client.failure()).message).toContain("only a part");
  });

  it.each([
    ["shorter than announced", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,2"],
    ["without its last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[1,2\r\n"],
    ["in the middle of a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n[1,2"],
  ])("is cut off %s", async (_name, said) => {
    await using server = await RawServer.saying(said);
    using client = new TestClient(server.url);
    expect(await client.failure()).toMatchObject({ kind: "malformed", cutOff: true });
  });

  it.each(["content-length: 100", "transfer-encoding: chunked", "x-ends: by closing"])(
    "is cut off by a reset, %s",
    async (header) => {
      await using server = await RawServer.start((socket) => {
        socket.once("data", () => {
          socket.write(`HTTP/1.1 200 OK\r\n${header}\r\n\r\n4\r\n[1,2\r\n`);
          setTimeout(() => socket.resetAndDestroy(), 50);
        });
      });
      using client = new TestClient(server.url);
      expect(await client.failure()).toMatchObject({ kind: "malformed", cutOff: true });
    },
  );

  it("may end with the connection, where that ends in order", async () => {
    await using server = await RawServer.saying("HTTP/1.1 200 OK\r\n\r\n[1,2]");
    using client = new TestClient(server.url);
    expect(await client.text()).toBe("[1,2]");
  });

  it("gives its connection back when it is destroyed", async () => {
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    api.answer((_request, response) => {
      response.on("close", () => closed?.());
      response.write("x");
    });
    using client = new TestClient(api.url);
    const { body } = await client.send();
    body.destroy();
    await gone;
  });
});
