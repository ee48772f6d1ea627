import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { EventClient } from "@apispool/gateway/testing/event-client.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

const run = promisify(execFile);

interface Position {
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
}

describe("reading over HTTP on the real services", () => {
  let upstream: Upstream;
  let stack: TestStack;

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(500);
    const serviceEnv = { reader: { BATCH_BYTES: "8192" }, gateway: { HEARTBEAT: "300ms" } };
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items", serviceEnv });
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=probe&ack=manual")).records.length).toBe(500);
    });
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  const truth = (): string[] => upstream.history.map(({ id, version }) => `${id}/${version}`);
  const recordsOf = ({ events }: EventClient): string[] =>
    events
      .filter(({ type }) => type === "message")
      .map(({ data }) => (JSON.parse(data) as { data: { id: string; version: number } }).data)
      .map(({ id, version }) => `${id}/${version}`);
  const unread = async (reader: string): Promise<number> =>
    ((await (await fetch(`${stack.gatewayUrl}/data/readers/${reader}`)).json()) as { unread: number }).unread;
  const seek = async (
    body: unknown,
  ): Promise<{ status: number; positions?: Position[]; errors?: { field: string }[] }> => {
    const response = await fetch(`${stack.gatewayUrl}/data/seek`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { ...((await response.json()) as { positions?: Position[] }), status: response.status };
  };

  describe.each([
    ["HTTP/1.1", false],
    ["HTTP/2", true],
  ])("a tail over %s", (_name, http2) => {
    const open = (query: string, headers: Record<string, string> = {}): EventClient =>
      EventClient.open(`${stack.gatewayUrl}/data?${query}`, { http2, headers });

    it("goes on from the last id, whatever cut it off, and ends with everything acknowledged", async () => {
      const reader = `tail-${http2 ? "h2" : "h1"}`;
      const all: string[] = [];
      let id = "";
      for (const wanted of [40, 123, 300]) {
        const client = open(`reader=${reader}`, id === "" ? {} : { "last-event-id": id });
        await client.until(() => recordsOf(client).length >= wanted - all.length);
        client.close();
        // As an EventSource: what came after the last id is told again, unless it is known to have been received.
        ({ lastEventId: id } = client);
        all.push(...recordsOf(client));
      }
      const client = open(`reader=${reader}`, { "last-event-id": id });
      await client.until(() => new Set([...all, ...recordsOf(client)]).size === truth().length);
      all.push(...recordsOf(client));
      expect([...new Set(all)]).toEqual(truth());
      upstream.add(5);
      await client.until(() => recordsOf(client).at(-1) === truth().at(-1));
      await client.until(() => client.comments > 0);
      if (http2) await eventually(async () => expect(await unread(reader)).toBe(0));
      client.close();
      await eventually(async () => expect(await unread(reader)).toBe(0));
      expect((await getData(stack.gatewayUrl, `reader=${reader}`)).records).toEqual([]);
    }, 60_000);

    it("moves nobody with since and ack=manual, and goes on from the last id", async () => {
      const reader = `free-${http2 ? "h2" : "h1"}`;
      await getData(stack.gatewayUrl, `reader=${reader}&ack=manual&limit=1`);
      const before = await unread(reader);
      const first = open(`reader=${reader}&ack=manual`);
      await first.until(() => recordsOf(first).length >= 100);
      first.close();
      const second = open(`reader=${reader}&ack=manual`, { "last-event-id": first.lastEventId });
      await second.until(() => recordsOf(second).at(-1) === truth().at(-1));
      // Cut off within a batch, it is given that batch again: from the last id on, and no more.
      const again = recordsOf(second);
      expect(again).toEqual(truth().slice(-again.length));
      expect(again.length).toBeLessThan(truth().length);
      expect(new Set([...recordsOf(first), ...again])).toEqual(new Set(truth()));
      second.close();
      expect(await unread(reader)).toBe(before);
    }, 60_000);

    it("refuses an id that is none", async () => {
      const client = open("reader=bad", { "last-event-id": "nonsense" });
      await client.over();
      expect(client.status).toBe(400);
      expect(JSON.parse(client.problem)).toMatchObject({
        reason: "INVALID_CURSOR",
        errors: [{ field: "Last-Event-ID" }],
      });
      const foreign = await getData(stack.gatewayUrl, "reader=somebody-else&limit=1&ack=manual");
      const other = open("reader=bad", { "last-event-id": foreign.cursor });
      await other.over();
      expect([other.status, other.problem]).toEqual([400, expect.stringContaining("somebody-else")]);
    });

    it("tells the status of the sources", async () => {
      const client = EventClient.open(`${stack.gatewayUrl}/worker/events`, { http2 });
      const states = (): string[] =>
        client.events.flatMap(({ data }) =>
          (JSON.parse(data) as { sources: { desiredState: string }[] }).sources.map((s) => s.desiredState),
        );
      await client.until(() => states().includes("STARTED"));
      await postWorker(stack.gatewayUrl, { command: "stop" });
      await client.until(() => states().at(-1) === "STOPPED");
      await postWorker(stack.gatewayUrl, { command: "start" });
      await client.until(() => states().at(-1) === "STARTED");
      client.close();
    });
  });

  it.each([
    ["gzip", gunzipSync],
    ["br", brotliDecompressSync],
    ["zstd", zstdDecompressSync],
  ])("gives the same in %s, over both, and knows that it was received", async (coding, unpack) => {
    const plain = await getData(stack.gatewayUrl, "reader=plain&ack=manual");
    for (const option of ["--http1.1", "--http2-prior-knowledge"]) {
      const reader = `${coding}${option}`;
      const args = ["-sS", option, "-H", `accept-encoding: ${coding}`, `${stack.gatewayUrl}/data?reader=${reader}`];
      const { stdout } = await run("curl", args, { encoding: "buffer", maxBuffer: 2 ** 26 });
      expect((JSON.parse(unpack(stdout).toString()) as typeof plain).records).toEqual(plain.records);
      await eventually(async () => expect(await unread(reader)).toBe(0));
    }
  });

  it("seeks anywhere, by a word, a time, offsets and a cursor", async () => {
    const all = (await getData(stack.gatewayUrl, "reader=seeker")).records;
    await eventually(async () => expect(await unread("seeker")).toBe(0));
    const firstAfter = async (to: unknown): Promise<number | undefined> => {
      const { status, positions } = await seek({ reader: "seeker", to });
      expect(status).toBe(200);
      expect(positions).toMatchObject([{ source: "items", partition: 0, offset: expect.any(Number) as unknown }]);
      return (await getData(stack.gatewayUrl, "reader=seeker&ack=manual")).records[0]?.offset;
    };
    expect(await firstAfter("earliest")).toBe(all[0]?.offset);
    expect(await firstAfter("latest")).toBeUndefined();
    expect(await firstAfter("2020-01-01T00:00:00Z")).toBe(all[0]?.offset);
    const offset = all[33]?.offset ?? -1;
    expect(await firstAfter({ offsets: [{ source: "items", partition: 0, offset }] })).toBe(offset);
    const { cursor } = await getData(stack.gatewayUrl, "reader=seeker&since=earliest&limit=10");
    expect(await firstAfter({ cursor })).toBe(all[10]?.offset);
    expect(await seek({ reader: "seeker", to: { cursor: "nonsense" } })).toMatchObject({
      status: 400,
      errors: [{ field: "to.cursor" }],
    });
    expect(
      await seek({ reader: "seeker", to: { offsets: [{ source: "items", partition: 0, offset: 10 ** 9 }] } }),
    ).toMatchObject({ status: 400, errors: [{ field: "to.offsets[0].offset" }] });
    expect((await seek({ to: "latest", sources: ["nope"] })).status).toBe(404);
  });

  it("lists readers, shows one, and forgets it", async () => {
    await getData(stack.gatewayUrl, "reader=shown&ack=manual");
    const response = await fetch(`${stack.gatewayUrl}/data/readers`);
    const { readers } = (await response.json()) as { readers: { name: string; unread: number }[] };
    expect(readers.map(({ name }) => name)).toEqual(readers.map(({ name }) => name).sort());
    expect(readers.find(({ name }) => name === "shown")).toMatchObject({
      unread: truth().length,
      unreadIsEstimate: false,
      oldestUnreadAt: expect.stringMatching(/Z$/) as unknown,
    });
    const one = `${stack.gatewayUrl}/data/readers/shown`;
    expect((await fetch(one, { method: "DELETE" })).status).toBe(204);
    for (const method of ["GET", "DELETE"]) {
      const missing = await fetch(one, { method });
      expect([missing.status, await missing.json()]).toMatchObject([404, { reason: "UNKNOWN_READER" }]);
    }
  });

  it("follows as NDJSON until the client goes, which is then known to have it", async () => {
    const controller = new AbortController();
    const response = await fetch(`${stack.gatewayUrl}/data?reader=lines&follow=true`, {
      headers: { accept: "application/x-ndjson" },
      signal: controller.signal,
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.split("\n").length > truth().length) break;
    }
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { data: { id: string } }).data.id)).toHaveLength(truth().length);
    controller.abort();
    await eventually(async () => expect(await unread("lines")).toBe(0));
  });
});
