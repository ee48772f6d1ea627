import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";

const secrets = {
  authorization: "Bearer hush-hush",
  cookie: "session=hush-hush",
  "x-api-key": "hush-hush",
  "x-anything": "hush-hush",
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe("redirects", () => {
  let api: FakeApi;
  let other: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
    other = await FakeApi.start({ host: "127.0.0.2" });
    other.answer((_request, response) => response.end("other"));
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  const redirectTo = (location: string, status = 302): void =>
    api.answer((request, response) => {
      if (request.url?.startsWith("/data") === true) response.writeHead(status, { location }).end("moved");
      else response.end(`at ${request.url}`);
    });

  it("are followed, relative ones too, with all credentials on the same server", async () => {
    using client = new TestClient(api.url, {
      auth: { type: "api_key", in: "query", name: "k", key: { kind: "value", value: "the key" } },
    });
    redirectTo("../v2/items?page=2#here");
    const { url, body } = await client.send({ headers: secrets });
    expect(url).toBe(api.at("127.0.0.1", "/v2/items?page=2"));
    body.destroy();
    expect(api.requests[1]?.url).toBe("/v2/items?page=2&k=the+key");
    expect(api.requests[1]?.headers).toMatchObject(secrets);
  });

  it("change what is asked as browsers do", async () => {
    using client = new TestClient(api.url);
    const seen: unknown[] = [];
    for (const [status, method] of [
      [301, "POST"],
      [302, "POST"],
      [303, "POST"],
      [303, "PUT"],
      [302, "PUT"],
      [307, "POST"],
      [308, "POST"],
    ] as const) {
      api.answer((request, response) => {
        if (request.url === "/data") {
          request.resume();
          response.writeHead(status, { location: "/next" }).end();
          return;
        }
        void bodyOf(request).then((body) => {
          seen.push([status, method, request.method, body, request.headers["content-type"]]);
          response.end();
        });
      });
      await client.text({ method, headers: { "content-type": "application/json" }, body: Buffer.from("{}") });
    }
    expect(seen).toEqual([
      [301, "POST", "GET", "", undefined],
      [302, "POST", "GET", "", undefined],
      [303, "POST", "GET", "", undefined],
      [303, "PUT", "GET", "", undefined],
      [302, "PUT", "PUT", "{}", "application/json"],
      [307, "POST", "POST", "{}", "application/json"],
      [308, "POST", "POST", "{}", "application/json"],
    ]);
  });

  it("to another server are refused where it is not allowed", async () => {
    using client = new TestClient(api.url);
    redirectTo(other.url);
    expect(await client.failure({ headers: secrets })).toMatchObject({
      kind: "blocked",
      message: expect.stringMatching(/another server, 127\.0\.0\.2.*allow_hosts/),
    });
    expect(other.requests).toHaveLength(0);
  });

  it("never take credentials to another server", async () => {
    for (const auth of [
      { type: "basic", username: "me", password: { kind: "value", value: "hush-hush" } },
      { type: "api_key", in: "query", name: "k", key: { kind: "value", value: "hush-hush" } },
      { type: "api_key", in: "header", name: "X-Own", key: { kind: "value", value: "hush-hush" } },
    ] as const) {
      using client = new TestClient(api.url.replace("//", "//me:hush-hush@"), {
        auth,
        network: { allowHosts: ["127.0.0.2"] },
      });
      redirectTo(other.at("127.0.0.2", "/file?x=1"), 307);
      expect(await client.text({ headers: { ...secrets, "if-none-match": '"1"', accept: "text/csv" } })).toBe("other");
    }
    expect(other.requests).toHaveLength(3);
    for (const { headers, url, rawHeaders } of other.requests) {
      expect(url).toBe("/file?x=1");
      expect(headers).toMatchObject({ accept: "text/csv", "if-none-match": '"1"', "user-agent": "apispool/0.1" });
      expect(rawHeaders.join("\n")).not.toMatch(/hush|basic|authorization|cookie/i);
    }
  });

  it("take none to another port of the same host either", async () => {
    await using port = await FakeApi.start();
    port.answer((_request, response) => response.writeHead(401).end());
    using client = new TestClient(api.url);
    redirectTo(port.url);
    const failure = await client.failure({ headers: secrets });
    expect(failure).toMatchObject({
      kind: "unauthorized",
      message: expect.stringContaining("not the configured server"),
    });
    expect(port.requests[0]?.headers).not.toHaveProperty("authorization");
  });

  it("give them again to the configured server when they come back to it", async () => {
    using client = new TestClient(api.url, { network: { allowHosts: ["127.0.0.2"] } });
    redirectTo(other.url);
    other.answer((_request, response) => response.writeHead(302, { location: api.at("127.0.0.1", "/back") }).end());
    expect(await client.text({ headers: secrets })).toBe("at /back");
    expect(other.requests[0]?.headers).not.toHaveProperty("authorization");
    expect(api.requests[1]?.headers).toMatchObject(secrets);
  });

  it("in a circle end at once", async () => {
    using client = new TestClient(api.url, { network: { maxRedirects: 50 } });
    api.answer((request, response) =>
      response
        .writeHead(302, { location: request.url === "/data" ? "/a" : request.url === "/a" ? "/b" : "/data" })
        .end(),
    );
    expect(await client.failure()).toMatchObject({ kind: "loop", message: expect.stringContaining("in a circle") });
    expect(api.requests).toHaveLength(3);
  });

  it("end after so many", async () => {
    using client = new TestClient(api.url, { network: { maxRedirects: 3 } });
    api.answer((_request, response) => response.writeHead(302, { location: `/${api.requests.length}` }).end());
    expect(await client.failure()).toMatchObject({
      kind: "loop",
      message: expect.stringContaining("more than 3 times"),
    });
    expect(api.requests).toHaveLength(4);
  });

  it.each([
    ["http://", "not an address", "malformed"],
    ["file:///etc/passwd", "file:", "blocked"],
    ["javascript:alert(1)", "javascript:", "blocked"],
  ])("to %s are refused", async (location, text, kind) => {
    using client = new TestClient(api.url);
    redirectTo(location);
    expect(await client.failure()).toMatchObject({ kind, message: expect.stringContaining(text) });
  });

  it("without a place to go to are an answer that cannot be used", async () => {
    using client = new TestClient(api.url);
    api.answer((_request, response) => response.writeHead(302).end());
    expect(await client.failure()).toMatchObject({ kind: "rejected", httpStatus: 302 });
  });
});
