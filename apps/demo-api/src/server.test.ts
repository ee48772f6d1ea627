import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { Catalogue } from "./catalogue.js";
import type { QuakeFeed } from "./geojson.js";
import { loadQuakes } from "./load.js";
import { createDemoServer } from "./server.js";

const path = "/earthquakes/feed/v1.0/summary/all_day.geojson";

describe("the demo API", () => {
  let server: http.Server;
  let clock = Date.UTC(2026, 10, 24, 12);

  beforeAll(async () => {
    server = createDemoServer({ catalogue: new Catalogue(await loadQuakes(), 360), now: () => clock });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });

  /** Over node:http, because fetch decompresses and keeps silent about it. */
  async function get(
    target: string,
    headers: Record<string, string> = {},
    method = "GET",
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }> {
    const request = http.request({ port: (server.address() as AddressInfo).port, path: target, headers, method });
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
  }

  it("serves a feed, and 304 for as long as nothing changed", async () => {
    const first = await get(path);
    expect(first.status).toBe(200);
    expect((JSON.parse(first.body.toString()) as QuakeFeed).features.length).toBeGreaterThan(10);
    const etag = first.headers.etag ?? "";
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await get(path, { "if-none-match": etag });
    expect([again.status, again.body.byteLength, again.headers.etag]).toEqual([304, 0, etag]);
    expect((await get(path, { "if-none-match": `"other", W/${etag}` })).status).toBe(304);
    clock += 20_000;
    const later = await get(path, { "if-none-match": etag });
    expect(later.status).toBe(200);
    expect(later.headers.etag).not.toBe(etag);
  });

  it("compresses where that is accepted, with the same content and a tag of its own", async () => {
    const plain = await get(path);
    const gzip = await get(path, { "accept-encoding": "br, gzip" });
    expect(gzip.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    expect(gzip.headers.etag).not.toBe(plain.headers.etag);
    expect((await get(path, { "accept-encoding": "gzip", "if-none-match": gzip.headers.etag ?? "" })).status).toBe(304);
    expect((await get(path, { "accept-encoding": "gzip;q=0" })).headers["content-encoding"]).toBeUndefined();
  });

  it("never calls something unmodified that changed within the same second", async () => {
    let missed = 0;
    let unmodified = 0;
    let { headers, body } = await get(path);
    for (let i = 0; i < 100; i += 1) {
      clock += 170;
      const answer = await get(path, { "if-modified-since": headers["last-modified"] ?? "" });
      if (answer.status === 304) {
        unmodified += 1;
        if (!(await get(path)).body.equals(body)) missed += 1;
      } else ({ headers, body } = answer);
    }
    expect(missed).toBe(0);
    expect(unmodified).toBeGreaterThan(0);
  });

  it("answers HEAD with the headers alone, and other methods with what is allowed", async () => {
    const whole = await get(path);
    const head = await get(path, {}, "HEAD");
    expect([head.status, head.body.byteLength]).toEqual([200, 0]);
    expect(head.headers["content-length"]).toBe(String(whole.body.byteLength));
    const post = await get(path, {}, "POST");
    expect([post.status, post.headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  it("lists its feeds, and each one is there", async () => {
    const { feeds } = JSON.parse((await get("/")).body.toString()) as { feeds: { url: string }[] };
    expect(feeds).toHaveLength(4);
    for (const { url } of feeds) expect((await get(url)).status).toBe(200);
    expect((await get("/livez")).status).toBe(200);
    expect((await get("/earthquakes/feed/v1.0/summary/constructor.geojson")).status).toBe(404);
  });
});
