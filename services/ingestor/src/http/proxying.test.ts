import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { FakeProxy } from "../testing/fake-proxy.js";
import { TestClient } from "../testing/http-source.js";

describe("a proxy", () => {
  let proxy: FakeProxy;
  let api: FakeApi;
  beforeAll(async () => {
    proxy = await FakeProxy.start();
    api = await FakeApi.start();
    api.answer((_request, response) => response.end("through"));
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  afterEach(() => {
    proxy.requests.length = 0;
    proxy.refuseWith = undefined;
    proxy.silent = false;
  });
  const address = (): string => `http://me:p%40ss@127.0.0.1:${proxy.port}`;

  it("is used for http with its own credentials, which the API does not see", async () => {
    using client = new TestClient(api.at("api.test"), { network: { proxy: address() } });
    expect(await client.text()).toBe("through");
    expect(proxy.requests).toEqual([`GET ${api.at("api.test")}`]);
    expect(proxy.authorizations.at(-1)).toBe(`Basic ${btoa("me:p@ss")}`);
    expect(api.requests.at(-1)?.headers).toMatchObject({ host: `api.test:${api.port}` });
  });

  it("is taken from the environment only where that is asked for", async () => {
    const env = { HTTP_PROXY: address(), NO_PROXY: "127.0.0.1" };
    using asked = new TestClient(api.at("api.test"), { network: { proxy: "environment" } }, { env });
    expect(await asked.text()).toBe("through");
    expect(proxy.requests).toHaveLength(1);
    using excepted = new TestClient(api.url, { network: { proxy: "environment" } }, { env });
    expect(await excepted.text()).toBe("through");
    using not = new TestClient(api.url, {}, { env: { HTTP_PROXY: address() } });
    expect(await not.text()).toBe("through");
    expect(proxy.requests).toHaveLength(1);
  });

  it.each(["http", "https"])("that refuses is said to, for %s", async (scheme) => {
    using client = new TestClient(`${scheme}://api.test:1/`, { network: { proxy: address() } });
    proxy.refuseWith = 407;
    expect(await client.failure()).toMatchObject({
      kind: "unauthorized",
      message: expect.stringMatching(/the proxy wants credentials.*check proxy/),
    });
    proxy.refuseWith = 502;
    const failure = await client.failure();
    expect(failure.kind).toBe(scheme === "http" ? "server" : "network");
    expect(failure.message).not.toMatch(/p@ss|p%40ss/);
  });

  it("that says nothing is waited for no longer than a connection", async () => {
    using client = new TestClient("https://api.test/", { network: { proxy: address(), connectTimeoutMs: 100 } });
    proxy.silent = true;
    expect(await client.failure()).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining("connect_timeout"),
    });
  });

  it("that is not there is said to be so", async () => {
    using client = new TestClient("https://api.test/", { network: { proxy: "http://me:hush-hush@127.0.0.1:1" } });
    const { kind, message } = await client.failure();
    expect(kind).toBe("network");
    expect(message).toMatch(/the proxy .*127\.0\.0\.1:1/);
    expect(message).not.toContain("hush");
  });

  it("still only lets answers speak of hosts that are allowed", async () => {
    using client = new TestClient(api.at("api.test"), {
      network: { proxy: address(), allowHosts: ["127.0.0.1", "cdn.test"] },
    });
    const ask = async (host: string) => await client.failure({ url: api.at(host), fromAnswer: true });
    expect(await ask("other.test")).toMatchObject({ kind: "blocked" });
    expect(await ask("127.0.0.1")).toMatchObject({ kind: "blocked" });
    expect(await client.text({ url: api.at("cdn.test"), fromAnswer: true })).toBe("through");
    expect(proxy.requests).toEqual([`GET ${api.at("cdn.test")}`]);
  });
});
