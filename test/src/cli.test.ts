import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { root } from "./harness/paths.js";
import { type TestStack, startTestStack, withoutSettings } from "./harness/stack.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

// Every call is two processes, and a busy machine takes seconds for each.
jest.setTimeout(180_000);

/** The real program, as `npx apispool` starts it, on the real services and a real Kafka. */
describe("apispool, as a person types it", () => {
  let upstream: Upstream;
  let stack: TestStack;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(5);
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items", store: true });
  }, 120_000);

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  afterAll(async () => {
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  function start(...args: string[]) {
    const child = spawn(process.execPath, [join(root, "apps/cli/bin/apispool.mjs"), ...args], {
      env: { ...withoutSettings(process.env), APISPOOL_URL: stack.gatewayUrl },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const ran = { out: "", err: "", code: undefined as number | undefined };
    child.stdout.on("data", (chunk: Buffer) => (ran.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (ran.err += chunk.toString()));
    const ended = once(child, "close").then(([code]) => ({ ...ran, code: code as number | null }));
    return { child, ran, ended };
  }
  const run = async (...args: string[]) => start(...args).ended;
  /** The ids of records that were printed with --json. */
  const ids = (out: string) =>
    out
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { id: string }).id);
  const items = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `item-${from + i}`);

  it("starts, and says so; then tells how it goes", async () => {
    expect(await run("start")).toMatchObject({ code: 0, out: "items: started\n", err: "" });
    expect(await run("start", "items")).toMatchObject({ code: 0, out: "items: was started already\n" });
    await eventually(async () => {
      const { code, out } = await run("status");
      expect([code, out]).toEqual([0, expect.stringMatching(/^SOURCE +STATE .*\nitems +(idle|polling) .* 5\n$/)]);
    });
    expect(await run("status", "nope")).toMatchObject({ code: 2, err: expect.stringMatching(/nope.*items/) });
  });

  it("fetches what is unread, and acknowledges it", async () => {
    expect(ids((await run("fetch", "--reader", "me", "--limit", "2")).out)).toEqual(items(0, 2));
    expect(ids((await run("fetch", "--reader", "me")).out)).toEqual(items(2, 5));
    expect(await run("fetch", "--reader", "me")).toMatchObject({ code: 0, out: "", err: "" });
    // Two at a time: one waits for the other, and nothing comes twice.
    const both = await Promise.all([run("fetch", "--reader", "two"), run("fetch", "--reader", "two")]);
    expect(both.flatMap(({ out }) => ids(out))).toEqual(items(0, 5));
  });

  it("acknowledges by cursor where that is wanted", async () => {
    const { out, err } = await run("fetch", "--reader", "careful", "--ack", "manual", "--limit", "3");
    expect(ids(out)).toEqual(items(0, 3));
    expect((await run("fetch", "--reader", "careful", "--ack", "manual", "--limit", "3")).out).toBe(out);
    const [option = "", cursor = ""] = err.trim().split(" ");
    expect(ids((await run("fetch", "--reader", "careful", option, cursor)).out)).toEqual(items(3, 5));
  });

  it("tails as a reader and as nobody, over a death of the gateway, and misses nothing", async () => {
    const reader = start("tail", "--reader", "tail", "--json");
    const nobody = start("tail", "--json");
    await eventually(() => expect(ids(reader.ran.out)).toEqual(items(0, 5)));
    // Only when nobody's tail is at the end of the log is it known what is behind that.
    await eventually(() => {
      upstream.add(1);
      expect(nobody.ran.out).not.toBe("");
    });
    await stack.kill("gateway");
    upstream.add(3);
    const all = () => items(0, upstream.history.length);
    const first = ids(nobody.ran.out)[0] ?? "";
    await eventually(() => {
      expect(ids(reader.ran.out)).toEqual(all());
      expect(ids(nobody.ran.out)).toEqual(all().slice(all().indexOf(first)));
    });
    reader.child.kill("SIGINT");
    nobody.child.kill("SIGINT");
    const [mine, theirs] = await Promise.all([reader.ended, nobody.ended]);
    expect([mine.code, theirs.code]).toEqual([130, 130]);
    expect(mine.err).toMatch(/^the connection to .* is lost .*; trying again\nconnected again\n$/);
    expect(await run("fetch", "--reader", "tail")).toMatchObject({ code: 0, out: "" });
  });

  it("queries all that there ever was, as /data gives it, and builds the store again", async () => {
    const text = async (path: string, accept = "application/x-ndjson"): Promise<string> =>
      (await fetch(`${stack.gatewayUrl}${path}`, { headers: { accept } })).text();
    const all = await text("/data?since=earliest");
    await eventually(async () => expect(await text("/records?order=ingested")).toBe(all));
    const stored = await run("records", "items", "--json", "--order", "asc", "--all");
    expect([stored.code, stored.out, stored.err]).toEqual([0, all, ""]);
    const count = ids(all).length;
    expect((await run("records", "count")).out).toBe(`${count}\n`);
    const [first = ""] = all.split("\n");
    const one = await text("/records/items/item-0", "application/json");
    expect(one).toContain(first);
    expect(await text("/records?id=item-0&where=id+%3D+'item-0'", "text/csv")).toMatch(
      /^source,id,[^]*\r\nitems,item-0,0,0,/,
    );
    expect(await run("records", "--where", "id >")).toMatchObject({ code: 2, err: expect.stringMatching(/where/) });
    expect(await run("store", "rebuild", "--yes")).toMatchObject({ code: 0, out: expect.stringMatching(/^rebuilt: /) });
    expect(await text("/records?order=ingested")).toBe(all);
    expect((await run("store")).out).toMatch(new RegExp(`^sqlite: [^]*items +${count} `));
  });

  it("tells of readers, moves and forgets them", async () => {
    const { out } = await run("readers");
    // "nobody" is none.
    expect(out.split("\n").map((line) => line.split(/ +/).slice(0, 1).join(" "))).toEqual([
      "READER",
      "careful",
      "me",
      "tail",
      "two",
      "",
    ]);
    expect((await run("readers", "show", "tail")).out).toMatch(/^tail +0 +–/m);
    expect(await run("seek", "tail", "--to", "earliest")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^SOURCE +PARTITION +OFFSET\nitems +0 +0\n$/),
    });
    expect(ids((await run("fetch", "--reader", "tail", "--limit", "2")).out)).toEqual(items(0, 2));
    expect(await run("readers", "delete", "tail")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(await run("readers", "delete", "tail", "--yes")).toMatchObject({ code: 0, out: "tail: deleted\n" });
    expect(await run("readers", "show", "tail")).toMatchObject({ code: 1, err: expect.stringContaining("tail") });
  });

  it("tries a source by the service, and stops", async () => {
    const tried = await run("try", "items", "--url", stack.gatewayUrl);
    expect(tried).toMatchObject({ code: 0, out: "", err: expect.stringContaining("0 records would be written") });
    expect(await run("stop")).toMatchObject({ code: 0, out: "items: stopped\n" });
    expect((await run("status")).out).toMatch(/^items +stopped /m);
  });
});
