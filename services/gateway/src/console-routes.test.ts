import { brotliDecompressSync, gunzipSync } from "node:zlib";
import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Harness } from "./testing/harness.js";

interface Raw {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

describe("the console's files", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.start();
  });
  afterAll(() => harness.stop());

  /** As fetch would not do it: the body as it comes. */
  const get = (path: string, headers: http.OutgoingHttpHeaders = {}, method = "GET"): Promise<Raw> =>
    new Promise((resolve, reject) => {
      const request = http.request(`${harness.url}${path}`, { headers, method, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        );
      });
      request.on("error", reject);
      request.end();
    });
  const browser = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };
  const assetsOf = async (): Promise<string[]> => {
    const { body } = await get("/", browser);
    return [...body.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "");
  };

  it("are a page for browsers, an overview for everything else", async () => {
    const page = await get("/", browser);
    expect(page.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      vary: "accept, accept-encoding",
    });
    expect(page.body.toString()).toContain("<title>Apispool</title>");
    for (const headers of [{}, { accept: "*/*" }, { accept: "application/json" }]) {
      const overview = await get("/", headers);
      expect(overview.headers["content-type"]).toContain("application/json");
      expect(JSON.parse(overview.body.toString())).toMatchObject({
        name: "apispool",
        paths: { "/worker": expect.any(String) },
      });
    }
  });

  it("hold nothing inline, and a policy that would not let it run", async () => {
    const { headers, body } = await get("/", browser);
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(body.toString()).not.toMatch(/<script(?![^>]*src)|<style|\son\w+=|\sstyle=/);
  });

  it("are there under the names that the page has, for ever", async () => {
    const assets = await assetsOf();
    expect(assets.length).toBe(3);
    for (const path of assets) {
      expect(path).toMatch(/^\/assets\/[a-z]+-[A-Za-z0-9]{8,}\.(js|css|svg)$/);
      const asset = await get(path);
      expect([asset.status, asset.headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
      expect(asset.headers["x-content-type-options"]).toBe("nosniff");
      expect(asset.headers["content-type"]).toMatch(/javascript|css|svg/);
    }
  });

  it("are sent as the client likes it, the same in all codings, with a tag for each", async () => {
    const script = (await assetsOf()).find((path) => path.endsWith(".js")) ?? "";
    const plain = await get(script);
    const gzip = await get(script, { "accept-encoding": "gzip" });
    const brotli = await get(script, { "accept-encoding": "gzip, deflate, br, zstd" });
    expect([plain, gzip, brotli].map(({ headers }) => headers["content-encoding"])).toEqual([undefined, "gzip", "br"]);
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true);
    expect(new Set([plain, gzip, brotli].map(({ headers }) => headers.etag)).size).toBe(3);
    expect((await get(script, { "accept-encoding": "br;q=0, gzip;q=0" })).headers["content-encoding"]).toBeUndefined();
    expect((await get(script, { "accept-encoding": "identity;q=0, *;q=0" })).status).toBe(406);
  });

  it("are not sent again to who has them", async () => {
    const first = await get("/", browser);
    const again = await get("/", { ...browser, "if-none-match": `"other", W/${String(first.headers.etag)}` });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, first.headers.etag]);
    expect((await get("/", { ...browser, "if-none-match": '"other"' })).status).toBe(200);
  });

  it("answer HEAD without a body, and nothing that is no file", async () => {
    const [path = ""] = await assetsOf();
    const head = await get(path, {}, "HEAD");
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(Number(head.headers["content-length"])).toBe((await get(path)).body.length);
    for (const wrong of [
      "/assets/",
      "/assets/x.js",
      "/assets/..%2findex.html",
      "/assets/%2e%2e/index.html",
      "/index.html",
    ]) {
      expect((await get(wrong)).status).toBe(404);
    }
    expect((await get("/", {}, "POST")).status).toBe(405);
  });
});
