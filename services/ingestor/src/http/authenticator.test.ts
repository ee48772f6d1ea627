import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { AuthConfig, SecretSource } from "../config/source-config.js";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";
import { runSecretCommand } from "./secret-command.js";

const value = (text: string): SecretSource => ({ kind: "value", value: text });

describe("saying who we are", () => {
  let api: FakeApi;
  let folder: string;
  /** What the API takes; undefined: everything. */
  let accepted: string | undefined;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "apispool-secrets-"));
    api = await FakeApi.start();
    accepted = undefined;
    api.answer((request, response) => {
      const ok = accepted === undefined || request.headers.authorization === `Bearer ${accepted}`;
      response.writeHead(ok ? 200 : 401).end(ok ? "in" : `{"message":"no: ${request.headers.authorization}"}`);
    });
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const sent = (): (string | undefined)[] => api.requests.map((request) => request.headers.authorization);

  it.each<[string, AuthConfig, Record<string, string>, string]>([
    [
      "basic",
      { type: "basic", username: "mé", password: value("p:w") },
      { authorization: "Basic bcOpOnA6dw==" },
      "/data",
    ],
    ["bearer", { type: "bearer", token: value("abc") }, { authorization: "Bearer abc" }, "/data"],
    [
      "a header",
      { type: "api_key", in: "header", name: "X-Api-Key", key: value("abc") },
      { "x-api-key": "abc" },
      "/data",
    ],
    ["the query", { type: "api_key", in: "query", name: "appId", key: value("a b&c") }, {}, "/data?appId=a+b%26c"],
  ])("by %s", async (_name, auth, headers, url) => {
    using client = new TestClient(api.url, { auth });
    const response = await client.send();
    response.body.resume();
    expect(api.requests[0]?.headers).toMatchObject(headers);
    expect(api.requests[0]?.url).toBe(url);
    expect(response.url).toBe(api.url);
  });

  it("leaves the rest of the query as it was written", async () => {
    using client = new TestClient(`${api.url}?q=a%20b&x=(1)`, {
      auth: { type: "api_key", in: "query", name: "k", key: value("abc") },
    });
    await client.text();
    expect(api.requests[0]?.url).toBe("/data?q=a%20b&x=(1)&k=abc");
    // A next page's address that has it already.
    await client.text({ url: `${api.url}?k=old&page=2`, fromAnswer: true });
    expect(api.requests[1]?.url).toBe("/data?k=abc&page=2");
  });

  it("by user and password in the address, on every page", async () => {
    using client = new TestClient(api.url.replace("//", "//me:p%40ss@"));
    await client.text();
    await client.text({ url: `${api.url}?page=2`, fromAnswer: true });
    expect(sent()).toEqual(["Basic bWU6cEBzcw==", "Basic bWU6cEBzcw=="]);
  });

  it("never by a text that people see, also when the API repeats it", async () => {
    accepted = "something else";
    using client = new TestClient(api.url, { auth: { type: "bearer", token: value("hush-hush") } });
    const { message, kind } = await client.failure({ url: `${api.url}?token=also-secret` });
    expect(kind).toBe("unauthorized");
    expect(message).toContain("check auth");
    expect(message).not.toMatch(/hush|also-secret/);
    expect(api.requests).toHaveLength(1);
  });

  it("refuses a secret that no header can carry", async () => {
    using client = new TestClient(api.url, { auth: { type: "bearer", token: value("a\nb") } });
    expect(await client.failure()).toMatchObject({
      kind: "config",
      message: expect.stringContaining("no header can carry"),
    });
    expect(api.requests).toHaveLength(0);
  });

  describe("with a file", () => {
    it("reads it again when it changed", async () => {
      const path = join(folder, "token");
      writeFileSync(path, "first\n");
      using client = new TestClient(api.url, { auth: { type: "bearer", token: { kind: "file", path } } });
      await client.text();
      await client.text();
      writeFileSync(path, "the second\n");
      await client.text();
      expect(sent()).toEqual(["Bearer first", "Bearer first", "Bearer the second"]);
      rmSync(path);
      expect(await client.failure()).toMatchObject({
        kind: "unauthorized",
        message: expect.stringContaining(`the secret file ${path} cannot be read (ENOENT)`),
      });
    });
  });

  describe("with a command", () => {
    /** Prints a new secret every time it runs. */
    const counting = (): { command: string[]; runs: () => number } => {
      const script = join(folder, "secret.sh");
      writeFileSync(
        script,
        `#!/bin/sh\necho run >> "${folder}/runs"\necho "$1-$(wc -l < "${folder}/runs" | tr -d ' ')"\n`,
      );
      chmodSync(script, 0o755);
      writeFileSync(join(folder, "runs"), "");
      return { command: [script, "a b; echo $HOME"], runs: () => sent().length };
    };

    it("runs it without a shell, again when its time is over", async () => {
      let now = 0;
      const { command } = counting();
      const token: SecretSource = { kind: "command", command, ttlMs: 1000 };
      using client = new TestClient(api.url, { auth: { type: "bearer", token } }, { now: () => now });
      await client.text();
      now = 999;
      await client.text();
      now = 1000;
      await client.text();
      expect(sent()).toEqual(["Bearer a b; echo $HOME-1", "Bearer a b; echo $HOME-1", "Bearer a b; echo $HOME-2"]);
    });

    it("runs it again when its secret was refused, once", async () => {
      const { command } = counting();
      const token: SecretSource = { kind: "command", command, ttlMs: 1e9 };
      using client = new TestClient(api.url, { auth: { type: "bearer", token } });
      accepted = "a b; echo $HOME-2";
      expect(await client.text()).toBe("in");
      accepted = "nothing";
      expect(await client.failure()).toMatchObject({ kind: "unauthorized", httpStatus: 401 });
      expect(api.requests).toHaveLength(4);
    });

    it.each([
      [["/bin/sh", "-c", "echo hush-hush; echo hush-hush >&2; exit 3"], "ended with code 3"],
      [["/bin/sh", "-c", "true"], "printed nothing"],
      [["/no/such/program", "hush-hush"], "cannot be started (ENOENT)"],
    ])("tells what went wrong with %j, and no secret", async (command, text) => {
      const token: SecretSource = { kind: "command", command, ttlMs: 1000 };
      using client = new TestClient(api.url, { auth: { type: "bearer", token } });
      const failure = await client.failure();
      expect(failure).toMatchObject({ kind: "unauthorized", message: expect.stringContaining(text) });
      expect(failure.message).not.toContain("hush");
    });
  });
});

it("does not wait for a command for ever", async () => {
  await expect(runSecretCommand(["/bin/sleep", "60"], 50)).rejects.toThrow("/bin/sleep, did not end within 50 ms");
  await expect(runSecretCommand(["/usr/bin/yes"], 10_000)).rejects.toThrow("printed more than 65536 bytes");
});

describe("OAuth2 client credentials", () => {
  let api: FakeApi;
  let login: FakeApi;
  let now: number;
  let issued: number;
  let lifetime: unknown;
  let forms: string[];
  beforeEach(async () => {
    [now, issued, lifetime, forms] = [0, 0, 3600, []];
    api = await FakeApi.start();
    api.answer((_request, response) => response.end("in"));
    login = await FakeApi.start();
    login.answer((request, response) => {
      void bodyOf(request).then((form) => {
        forms.push(form);
        issued += 1;
        response.end(JSON.stringify({ access_token: `token-${issued}`, token_type: "bearer", expires_in: lifetime }));
      });
    });
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
    await login[Symbol.asyncDispose]();
  });

  const make = (
    more: { clientAuth?: "basic" | "body"; clientSecret?: SecretSource } = {},
    tokenUrl = login.url,
  ): TestClient => {
    const auth: AuthConfig = {
      type: "oauth2_client_credentials",
      tokenUrl,
      clientId: "my id",
      clientSecret: value("hush:hush"),
      scopes: ["read", "list"],
      audience: "https://api.test",
      clientAuth: "basic",
      ...more,
    };
    return new TestClient(api.url, { auth }, { now: () => now });
  };
  const sent = (): (string | undefined)[] => api.requests.map((request) => request.headers.authorization);

  it("asks for a token as RFC 6749 says, both ways", async () => {
    using basic = make();
    await basic.text();
    expect(forms).toEqual(["grant_type=client_credentials&scope=read+list&audience=https%3A%2F%2Fapi.test"]);
    expect(login.requests[0]?.headers.authorization).toBe(`Basic ${btoa("my+id:hush%3Ahush")}`);
    using body = make({ clientAuth: "body" });
    await body.text();
    expect(forms[1]).toContain("client_id=my+id&client_secret=hush%3Ahush");
    expect(login.requests[1]?.headers).not.toHaveProperty("authorization");
  });

  it.each([
    [3600, 3_569_999, 3_570_000],
    [60, 47_999, 48_000],
  ])("keeps a token of %d s and renews it before it ends", async (seconds, still, over) => {
    lifetime = seconds;
    using client = make();
    await client.text();
    now = still;
    await client.text();
    now = over;
    await client.text();
    expect(sent()).toEqual(["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
  });

  it("keeps one without a lifetime until it is refused", async () => {
    lifetime = undefined;
    using client = make();
    await client.text();
    now = 1e12;
    await client.text();
    expect(issued).toBe(1);
  });

  it("asks once for all who wait", async () => {
    using client = make();
    await Promise.all(Array.from({ length: 10 }, async () => await client.text()));
    expect(issued).toBe(1);
    expect(new Set(sent())).toEqual(new Set(["Bearer token-1"]));
  });

  it("asks on for the others where one gives up", async () => {
    using client = make();
    const stop = new AbortController();
    const first = client.text({}, stop.signal);
    const second = client.text();
    stop.abort(new Error("told to stop"));
    await expect(first).rejects.toThrow("told to stop");
    expect(await second).toBe("in");
  });

  it("renews a token that was refused, once for all requests, and not again and again", async () => {
    using client = make();
    api.answer((request, response) =>
      response.writeHead(request.headers.authorization === "Bearer token-1" ? 401 : 200).end("in"),
    );
    await Promise.all([client.text(), client.text(), client.text()]);
    expect(issued).toBe(2);
    api.answer((_request, response) => response.writeHead(401).end());
    api.requests.length = 0;
    expect(await client.failure()).toMatchObject({ kind: "unauthorized" });
    expect(api.requests).toHaveLength(2);
  });

  it.each([
    [
      401,
      '{"error":"invalid_client","error_description":"hush:hush is wrong"}',
      "unauthorized",
      /invalid_client.*client_secret.*\*\*\* is wrong/,
    ],
    [400, '{"error":"invalid_scope"}', "config", /invalid_scope.*auth\.scopes/],
    [503, "", "server", /no token could be had: HTTP 503/],
    [429, "", "throttled", /asked too often/],
    [302, "", "config", /redirects; check auth\.token_url/],
    [200, "<html>log in</html>", "config", /no access_token/],
    [200, '{"access_token":"x","token_type":"mac"}', "config", /type "mac"/],
  ])("tells what the token endpoint says: %d %s", async (status, body, kind, text) => {
    login.answer((_request, response) => response.writeHead(status, { location: api.url }).end(body));
    using client = make();
    const failure = await client.failure();
    expect(failure.message).toMatch(text);
    expect(failure.kind).toBe(kind);
    expect(failure.message).not.toContain("hush");
    expect(api.requests).toHaveLength(0);
  });

  it("tells that the token endpoint cannot be reached", async () => {
    using client = make();
    login.answer((request) => request.socket.resetAndDestroy());
    expect((await client.failure()).message).toContain("no token could be had: the connection was cut off");
    const address = login.url;
    await login[Symbol.asyncDispose]();
    login = await FakeApi.start();
    using late = make({}, address);
    expect(await late.failure()).toMatchObject({
      kind: "network",
      message: expect.stringContaining("no token could be had: nothing accepts connections at"),
    });
  });

  it("does not hand the token to another server", async () => {
    await using other = await FakeApi.start({ host: "127.0.0.2" });
    other.answer((_request, response) => response.end("other"));
    api.answer((_request, response) => response.writeHead(307, { location: other.url }).end());
    using client = make();
    expect(await client.failure()).toMatchObject({ kind: "blocked" });
    expect(other.requests).toHaveLength(0);
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
