import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Harness } from "../testing/harness.js";

describe("/docs and /openapi.json", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.start();
  });
  afterAll(() => harness.stop());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${harness.url}${path}`, { headers });

  it.each(["/docs", "/openapi.json"])("%s is not sent again to who has it", async (path) => {
    const first = await get(path);
    expect([first.status, first.headers.get("cache-control")]).toEqual([200, "no-cache"]);
    const etag = first.headers.get("etag") ?? "";
    const again = await get(path, { "if-none-match": etag });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    const plain = await get(path, { "accept-encoding": "identity" });
    expect([plain.headers.get("content-encoding"), await plain.text()]).toEqual([null, await first.text()]);
    expect(first.headers.get("content-encoding")).toMatch(/^(br|gzip)$/);
  });

  it("hold nothing inline and nothing from elsewhere, under a policy that would not let it run", async () => {
    const page = await get("/docs");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]*src)|<style|\son\w+=|\sstyle=|https?:/);
    const files = [...html.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(files.length).toBe(5);
    for (const path of files) {
      const file = await get(path);
      expect([path, file.status, file.headers.get("cache-control")]).toEqual([
        path,
        200,
        "public, max-age=31536000, immutable",
      ]);
      expect(path).toMatch(/-[A-Za-z0-9]{8,}\.(js|css|svg)$/);
    }
  });

  it.each(["/docs/", "/docs/index.html", "/docs/..%2f..%2fpackage.json", "/docs/x.js"])("know no %s", async (path) => {
    expect((await get(path)).status).toBe(404);
  });
});
