import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Problem } from "../problem.js";
import { Harness } from "../testing/harness.js";
import { openAccess } from "./settings.js";
import { rawGet } from "./testing/access-harness.js";

/** As on loopback, where nobody is asked, but that one other origin may call. */
let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start({
    access: { ...openAccess, allowedOrigins: ["https://app.example"], allowedHosts: ["gateway.example"] },
  });
  harness.reader.add(['{"n":1}']);
});
afterAll(() => harness.stop());

const send = (path: string, headers: Record<string, string>, method = "GET") =>
  rawGet(harness.port, path, headers, method);
const ours = (): string => `127.0.0.1:${harness.port}`;

describe("a page in the internet that uses a person's browser", () => {
  it.each([
    ["an image", "/data", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
    ["a link", "/data", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }],
    ["another port of this machine", "/data", { "sec-fetch-site": "same-site" }],
    ["a script", "/data", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["a sandboxed frame", "/data", { origin: "null" }],
    ["an old browser", "/data", { referer: "https://evil.example/page" }],
    ["an event stream", "/worker/events", { origin: "https://evil.example", accept: "text/event-stream" }],
    [
      "Connect's GET",
      "/apispool.v1.DataReader/ListReaders?message=%7B%7D&encoding=json&connect=v1",
      { origin: "https://evil.example" },
    ],
    ["the same name without TLS' port", "/data", { origin: "http://127.0.0.1" }],
  ])("cannot read or move anybody: %s", async (_, path, headers) => {
    const { status, text, headers: answer } = await send(path, headers);
    expect([status, (JSON.parse(text) as Problem).reason]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
    expect(answer["access-control-allow-origin"]).toBeUndefined();
    expect(harness.reader.requests).toEqual([]);
  });

  it.each([
    ["JSON", "application/json"],
    ["what needs no preflight", "text/plain"],
    ["a form", "application/x-www-form-urlencoded"],
  ])("cannot post %s", async (_, type) => {
    for (const path of ["/worker", "/apispool.v1.WorkerControl/Start"]) {
      const { status } = await send(path, { origin: "https://evil.example", "content-type": type }, "POST");
      expect(status).toBe(403);
    }
    expect(harness.ingestor.started).toBe(false);
  });

  it("gets no leave by a preflight", async () => {
    const ask = { origin: "https://evil.example", "access-control-request-method": "POST" };
    const { status, headers } = await send("/worker", ask, "OPTIONS");
    expect(status).toBe(403);
    expect(headers["access-control-allow-methods"]).toBeUndefined();
  });

  it.each(["evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example", "evil.example.", "[evil.example]"])(
    "cannot make a name of its own mean this machine: %s",
    async (host) => {
      const { status, text } = await send("/data", { host, origin: `http://${host}` });
      expect([status, (JSON.parse(text) as Problem).reason]).toEqual([403, "HOST_NOT_ALLOWED"]);
    },
  );
});

describe("whoever may call", () => {
  it.each([
    ["the console", () => ({ origin: `http://${ours()}`, "sec-fetch-site": "same-origin" })],
    ["the address bar", () => ({ "sec-fetch-site": "none", "sec-fetch-mode": "navigate" })],
    ["a name of this machine", () => ({ host: "localhost:3000", origin: "http://localhost:3000" })],
    ["a subdomain of it", () => ({ host: "apispool.localhost" })],
    ["IPv6", () => ({ host: "[::1]:3000" })],
    ["a container's name", () => ({ host: "gateway:3000" })],
    ["a name that was added", () => ({ host: "Gateway.Example:443" })],
    ["a proxy that ends TLS", () => ({ host: "gateway.example", origin: "https://gateway.example" })],
    ["the page that was added", () => ({ origin: "https://app.example", "sec-fetch-site": "cross-site" })],
  ])("does: %s", async (_, headers) => {
    expect((await send("/worker", headers())).status).toBe(200);
  });

  it("may send and read from the page that was added whatever the protocols need", async () => {
    const ask = { origin: "https://app.example", "access-control-request-method": "POST" };
    const preflight = await send("/apispool.v1.DataReader/FetchUnread", ask, "OPTIONS");
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-methods": "GET, HEAD, POST, DELETE, OPTIONS",
      "access-control-allow-headers": expect.stringMatching(
        /authorization.*x-api-key.*connect-protocol-version.*x-grpc-web/,
      ),
      "access-control-max-age": "7200",
      vary: expect.stringContaining("Origin"),
    });
    const { headers } = await send("/data?reader=cors", { origin: "https://app.example" });
    expect(headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-expose-headers": expect.stringMatching(
        /grpc-status.*grpc-message.*apispool-cursor.*x-request-id/,
      ),
      "cross-origin-resource-policy": "cross-origin",
      vary: "Accept, Accept-Encoding, Origin",
    });
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
    // What is kept for one must not be given to another.
    expect((await send("/worker", {})).headers.vary).toBe("Accept-Encoding, Origin");
  });

  it("gets the header fields that keep an answer from being used otherwise", async () => {
    for (const path of ["/worker", "/data?reader=headers", "/nothing", "/livez", "/"]) {
      expect((await send(path, {})).headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "content-security-policy": expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
    }
    const page = await send("/", { accept: "text/html" });
    expect(page.headers["content-security-policy"]).not.toContain("unsafe-inline");
  });
});
