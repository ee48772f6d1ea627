import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ActualState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { FaultyApi, type Handler } from "./testing/faulty-api.js";
import { Harness, type TestIngestor, eventually } from "./testing/harness.js";
import { type SimpleSource, sourceConfig } from "./testing/source-config.js";

const MOST_BYTES = 1_000_000;
const json = { "content-type": "application/json" };
const page = (items: number): string => JSON.stringify(Array.from({ length: items }, (_, id) => ({ id, wrong: true })));
const whole =
  (body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(200, { ...json, ...headers }).end(body);
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.setHeaders(new Map(Object.entries(headers)));
    response.writeHead(code).end(`refused with ${code}`);
  };

/** What goes wrong, by the source's name, and what the status has to say of it. */
const faults: Readonly<Record<string, readonly [Handler, RegExp]>> = {
  "throttled-seconds": [status(429, { "retry-after": "1" }), /HTTP 429: .*left alone for 1 s .*refused with 429/],
  "throttled-date": [
    (_request, response) => {
      const inTwo = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toUTCString();
      response.setHeader("retry-after", inTwo).writeHead(429).end();
    },
    /HTTP 429: .*left alone for [12] s/,
  ],
  "server-error": [status(500), /HTTP 500: the API has a failure of its own/],
  "bad-gateway": [status(502), /HTTP 502/],
  hang: [() => undefined, /no complete answer within 200 ms \(timeout\)/],
  drip: [
    (_request, response) => {
      response.writeHead(200, json).write('[{"id":"half",');
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    },
    /no complete answer within 200 ms \(timeout\)/,
  ],
  "reset-in-mid-body": [
    (_request, response) => {
      response.writeHead(200, { ...json, "content-length": "100000" }).write(page(100));
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    },
    /cut off/,
  ],
  "closed-in-mid-body": [
    (_request, response) => {
      response.writeHead(200, { ...json, "content-length": "100000" }).write(page(100));
      setTimeout(() => response.socket?.end(), 20);
    },
    /cut off/,
  ],
  "truncated-json": [whole(page(100).slice(0, -20)), /not valid JSON \(was it cut off\?\); it begins with: \[\{"id":0/],
  "truncated-gzip": [
    whole(gzipSync(page(1000)).subarray(0, -20), { "content-encoding": "gzip" }),
    /cut off before its compressed data ended/,
  ],
  "not-gzip": [whole(page(10), { "content-encoding": "gzip" }), /cannot be decompressed/],
  "gzip-bomb": [
    whole(gzipSync(Buffer.alloc(60 * MOST_BYTES, " ")), { "content-encoding": "gzip" }),
    /larger than 1000000 bytes \(max_bytes\)/,
  ],
  "login-page": [
    whole("<!doctype html><title>Please sign in</title>", { "content-type": "text/html" }),
    /a web page, not JSON \(is it a login page.*Please sign in/,
  ],
  "redirect-loop": [
    ({ url = "" }, response) => {
      const next = url.endsWith("?b") ? url.replace("?b", "?a") : `${url.split("?")[0] ?? ""}?b`;
      response.writeHead(302, { location: next }).end();
    },
    /redirects in a circle/,
  ],
  "redirect-elsewhere": [
    status(302, { location: "http://169.254.169.254/latest/meta-data" }),
    /169\.254\.169\.254.*allow_hosts/,
  ],
  "wrong-charset": [
    whole(Buffer.from('[{"id":"caf\u00e9"}]', "latin1"), { "content-type": "application/json; charset=utf-8" }),
    /not UTF-8 text; if it is meant to be in another charset, set charset/,
  ],
  "no-list": [whole('{"error":"quota exhausted"}'), /without a list of records; it says: "quota exhausted"/],
  "expired-token": [status(401), /HTTP 401: .*check auth.*refused with 401/],
  forbidden: [status(403), /HTTP 403: the API refuses access; check auth/],
  "not-found": [status(404), /HTTP 404: there is nothing at this address; check url/],
};

describe("whatever an API does wrong", () => {
  let harness: Harness;
  let api: FaultyApi;
  let ingestor: TestIngestor;
  let folder: string;
  const names = Object.keys(faults);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "apispool-token-"));
    await writeFile(join(folder, "token"), "first");
    harness = new Harness();
    api = await FaultyApi.start();
    const { network } = sourceConfig({});
    const source = (name: string): SimpleSource => ({
      name,
      url: api.urlOf(name),
      intervalMs: 20,
      retry: { maxAttempts: 1, initialMs: 10, maxMs: 50, openAfter: 1000 },
      network: { ...network, maxBytes: MOST_BYTES, timeoutMs: 200 },
    });
    ingestor = await harness.ready([
      source("bystander"),
      ...names.map(source),
      {
        ...source("token-in-file"),
        auth: { type: "bearer", token: { kind: "file", path: join(folder, "token") } },
      },
    ]);
  });
  afterAll(async () => {
    await harness?.close();
    await api?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const statusOf = async (source: string) => {
    const { sources } = await ingestor.control.getStatus({ sources: [source] });
    const [only] = sources;
    if (only === undefined) throw new Error("no status");
    return only;
  };
  const valuesOf = async (source: string): Promise<unknown[]> =>
    (await harness.values(source)).map((value): unknown => JSON.parse(value));

  it.each(Object.entries(faults))(
    "%s: said in words, nothing of it written, nothing lost, and forgotten when it is over",
    async (name, [fault, words]) => {
      api.show(name, [{ id: 1, v: "before" }]);
      await ingestor.control.start({ sources: [name] });
      await eventually(async () => expect(await valuesOf(name)).toEqual([{ id: 1, v: "before" }]));
      api.break(name, fault);
      await eventually(async () => {
        const told = await statusOf(name);
        expect(told).toMatchObject({
          actualState: ActualState.BACKING_OFF,
          lastError: expect.stringMatching(words),
        });
        expect(told.consecutiveFailures).toBeGreaterThan(0);
        expect(told.nextPollAt).toBeDefined();
      });
      // What happens meanwhile is there when it works again.
      api.show(name, [
        { id: 1, v: "changed" },
        { id: 2, v: "during" },
      ]);
      api.mend(name);
      await eventually(async () => {
        expect(await statusOf(name)).toMatchObject({ lastError: "", consecutiveFailures: 0, recordsTotal: 3n });
      });
      expect(await valuesOf(name)).toEqual([
        { id: 1, v: "before" },
        { id: 1, v: "changed" },
        { id: 2, v: "during" },
      ]);
      expect(await harness.read(harness.names.deadLetters(name))).toEqual([]);
      await ingestor.control.stop({ sources: [name] });
    },
  );

  it.each(["throttled-seconds", "throttled-date"])("%s: not asked again before it is over", async (name) => {
    const [fault] = faults[name] ?? [];
    let refusedAt = 0;
    let notBefore = 0;
    api.break(name, (request, response) => {
      if (refusedAt > 0) {
        api.mend(name);
        response.end("[]");
        return;
      }
      refusedAt = performance.now();
      const wall = Date.now();
      fault?.(request, response);
      const asked = String(response.getHeader("retry-after"));
      notBefore = refusedAt + (/^\d+$/.test(asked) ? Number(asked) * 1000 : Date.parse(asked) - wall);
    });
    await ingestor.control.start({ sources: [name] });
    await eventually(async () =>
      expect(await statusOf(name)).toMatchObject({ lastError: expect.stringContaining("429") }),
    );
    await eventually(async () => expect(await statusOf(name)).toMatchObject({ lastError: "" }));
    const next = api.cameAt(name).find((at) => at > refusedAt) ?? 0;
    // Timers of Node may be a millisecond early.
    expect(next).toBeGreaterThanOrEqual(notBefore - 5);
    await ingestor.control.stop({ sources: [name] });
  });

  it("an expired token that lies in a file: taken anew as soon as the file is, without a restart", async () => {
    const name = "token-in-file";
    let valid = "first";
    api.break(name, ({ headers }, response) => {
      if (headers.authorization === `Bearer ${valid}`) response.writeHead(200, json).end(`[{"id":"${valid}"}]`);
      else response.writeHead(401).end(`the token ${headers.authorization} has expired`);
    });
    await ingestor.control.start({ sources: [name] });
    await eventually(async () => expect(await valuesOf(name)).toEqual([{ id: "first" }]));
    valid = "second";
    await eventually(async () => {
      const { lastError } = await statusOf(name);
      expect(lastError).toMatch(/HTTP 401.*check auth/);
      expect(lastError).not.toContain("first");
    });
    await writeFile(join(folder, "token"), "second\n");
    await eventually(async () => expect(await valuesOf(name)).toEqual([{ id: "first" }, { id: "second" }]));
    await eventually(async () => expect(await statusOf(name)).toMatchObject({ lastError: "", consecutiveFailures: 0 }));
    await ingestor.control.stop({ sources: [name] });
  });

  it("all of it at once: a source that works is not slowed, and loses nothing", async () => {
    for (const [name, [fault]] of Object.entries(faults)) api.break(name, fault);
    let shown = 0;
    api.break("bystander", (_request, response) => {
      shown += 1;
      // All that it ever showed: an answer that came too late on a busy machine is no loss.
      response.writeHead(200, json).end(JSON.stringify(Array.from({ length: shown }, (_, i) => ({ id: i + 1 }))));
    });
    await ingestor.control.start({ sources: [...names, "bystander"] });
    await eventually(async () => {
      const { sources } = await ingestor.control.getStatus({});
      const troubled = sources.filter(({ source }) => source !== "bystander" && source !== "token-in-file");
      expect(troubled.filter(({ lastError }) => lastError === "").map(({ source }) => source)).toEqual([]);
    });
    // In the time in which a single request of the source that hangs comes to its end, it has been polled several times.
    const [hung, seen] = [api.cameAt("hang").length, shown];
    await eventually(async () => expect(api.cameAt("hang").length).toBeGreaterThan(hung + 2));
    expect(shown - seen).toBeGreaterThan(2);
    await ingestor.control.stop({ sources: ["bystander"] });
    const { recordsTotal, lastError, consecutiveFailures, polls } = await statusOf("bystander");
    expect({ lastError, consecutiveFailures }).toEqual({ lastError: "", consecutiveFailures: 0 });
    expect(polls).toBeGreaterThan(2n);
    const ids = (await valuesOf("bystander")).map((record) => (record as { id: number }).id);
    // The poll that Stop cut off may have been answered, and was not written.
    expect(ids).toEqual(Array.from({ length: Number(recordsTotal) }, (_, i) => i + 1));
    expect(shown - ids.length).toBeLessThanOrEqual(1);
  });
});
