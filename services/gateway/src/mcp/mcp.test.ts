import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { create } from "@bufbuild/protobuf";
import { RecordSchema } from "@apispool/contracts/apispool/v1/record_pb.js";
import { Harness } from "../testing/harness.js";
import { mostAnswerBytes, recordTexts } from "./bounded.js";

let harness: Harness;
beforeAll(async () => (harness = await Harness.start()));
afterAll(() => harness.stop());

const modes = ["legacy", "auto"] as const;
let client: Client;

async function connect(mode: (typeof modes)[number], url = harness.url): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  return client;
}

/** What a tool said; fails where it is an error. */
async function call(name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { text, isError } = await answer(name, args);
  if (isError) throw new Error(text);
  return text;
}

async function answer(name: string, args: Record<string, unknown>): Promise<{ text: string; isError: boolean }> {
  const { content, isError } = (await client.callTool({ name, arguments: args })) as {
    content: { type: string; text: string }[];
    isError?: boolean;
  };
  expect(content).toHaveLength(1);
  return { text: content[0]?.text ?? "", isError: isError === true };
}

async function json<T>(name: string, args: Record<string, unknown> = {}): Promise<T> {
  return JSON.parse(await call(name, args)) as T;
}

interface Read {
  readonly records: { data: unknown; offset: number; cut?: boolean; dataStart?: string; fullBytes?: number }[];
  readonly cursor: string;
  readonly gaps: unknown[];
  readonly more: boolean;
}

describe.each(modes)("an agent whose client is of the %s kind", (mode) => {
  beforeEach(async () => (client = await connect(mode)));
  afterEach(() => client.close());

  it("finds every tool, with schemas that allow nothing else", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "list_sources",
      "start_source",
      "stop_source",
      "try_source",
      "read_records",
      "peek",
      "acknowledge",
      "seek",
      "list_readers",
      "get_reader",
      "dead_letters",
    ]);
    for (const { inputSchema, annotations, description } of tools) {
      expect(inputSchema).toMatchObject({ type: "object", additionalProperties: false });
      expect(JSON.stringify(inputSchema)).not.toMatch(/"x-/);
      expect(typeof annotations?.readOnlyHint).toBe("boolean");
      expect(description).not.toBe("");
    }
    expect(client.getInstructions()).toMatch(/acknowledge/);
  });

  it("controls sources", async () => {
    await call("stop_source", { sources: ["quakes"] });
    expect(await json("start_source", { sources: ["quakes"] })).toMatchObject({
      sources: [{ source: "quakes", changed: true, desiredState: "STARTED" }],
    });
    expect(await json("list_sources")).toMatchObject({ sources: [{ source: "quakes", desiredState: "STARTED" }] });
    expect(await json("stop_source", { sources: ["quakes"] })).toMatchObject({
      sources: [{ changed: true, actualState: "STOPPED" }],
    });
    expect(await call("try_source", { source: "quakes", max_pages: 2, max_records: 7 })).toMatch(
      /"record":\{"mag":1\.50,"n":12345678901234567890\}.*"duplicates":2007/,
    );
  });

  it("reads what is unread until it acknowledges it", async () => {
    harness.reader.log.length = 0;
    harness.reader.add(['{"n":12345678901234567890,"mag":1.50}', '{"n":2}', '{"n":3}']);
    const reader = `agent-${mode}`;
    const first = await call("read_records", { reader, limit: 2 });
    expect(first).toContain('"data":{"n":12345678901234567890,"mag":1.50}');
    expect(JSON.parse(first)).toMatchObject({ more: true, gaps: [] });
    expect(await call("read_records", { reader, limit: 2 })).toBe(first);
    const { cursor } = JSON.parse(first) as Read;
    expect(await json("acknowledge", { reader, cursor })).toMatchObject({ changed: true });
    expect(await json("acknowledge", { reader, cursor })).toMatchObject({ changed: false });
    const next = await json<Read>("read_records", { reader });
    expect(next).toMatchObject({ records: [{ data: { n: 3 } }], more: false });
    expect(await json("read_records", { reader, ack: next.cursor })).toMatchObject({ records: [], more: false });
    expect(await json("get_reader", { reader })).toMatchObject({ name: reader, unread: 0 });
    expect(await json("list_readers", { after: "agent-" })).toMatchObject({
      readers: expect.arrayContaining([expect.objectContaining({ name: reader, unread: 0, partitions: 1 })]),
      more: 0,
    });
    expect(await json("list_readers", { limit: 1 })).toMatchObject({ readers: [{}] });
    await call("seek", { reader, to: "earliest" });
    expect((await json<Read>("read_records", { reader })).records).toHaveLength(3);
  });

  it("looks without moving anybody", async () => {
    harness.reader.log.length = 0;
    harness.reader.positions.set("looked-on", 0);
    harness.reader.add(['{"n":1}', '{"n":2}']);
    const first = await json<Read>("peek", { since: "c0", reader: "looked-on", limit: 1 });
    expect(first).toMatchObject({ records: [{ data: { n: 1 } }], more: true });
    const second = await json<Read>("peek", { since: first.cursor, reader: "looked-on" });
    expect(second).toMatchObject({ records: [{ data: { n: 2 } }] });
    expect(harness.reader.positionOf("looked-on")).toBe(0);
    harness.reader.deadLetters = [Buffer.from('{"mag":2}')];
    expect(await json("dead_letters", { max_raw_bytes: 4 })).toMatchObject({
      deadLetters: [{ reason: "it has no id", raw: '{"ma', fullBytes: 9 }],
    });
  });

  it("is told what is wrong in words that it can act on", async () => {
    const wrong = async (name: string, args: Record<string, unknown>): Promise<string> => {
      const { text, isError } = await answer(name, args);
      expect(isError).toBe(true);
      return text;
    };
    expect(await wrong("read_records", { reader: "a b", limit: 0, colour: "red", ack: "" })).toMatch(
      /colour: is unknown; known are .*reader: is "a b"; it must be 1 to 200 letters.*limit: is 0; it must be .*from 1 to 200.*ack: is empty; it must be the cursor of an earlier fetch.*invalid_argument, INVALID_FIELD/s,
    );
    expect(await wrong("read_records", {})).toMatch(/reader: is missing/);
    expect(await wrong("start_source", {})).toMatch(/sources: is missing; it must be a list of 1 to 200 names/);
    expect(await wrong("stop_source", { sources: ["nowhere"] })).toMatch(
      /no source "nowhere"; known are quakes.*UNKNOWN_SOURCE/,
    );
    expect(await wrong("get_reader", { reader: "nobody" })).toMatch(/UNKNOWN_READER/);
    expect(await wrong("read_records", { reader: "me", ack: "rubbish" })).toMatch(/ack: is damaged.*INVALID_CURSOR/);
    expect(await wrong("seek", { reader: "me", to: { cursor: "rubbish" } })).toMatch(/to\.cursor: is damaged/);
    expect(await wrong("seek", { reader: "me", to: { cursor: "c1" }, sources: ["quakes"] })).toMatch(
      /sources: does not go/,
    );
    await expect(client.callTool({ name: "drop_tables", arguments: {} })).rejects.toThrow(/no tool "drop_tables"/);
  });

  it("never gets more than the bound, and no record is left out", async () => {
    const long = `{"text":"${"\u00e4\\n".repeat(200_000)}"}`;
    harness.reader.log.length = 0;
    harness.reader.add([long, ...Array.from({ length: 199 }, (_, i) => `{"i":${i}}`)]);
    const text = await call("read_records", { reader: `bounded-${mode}`, limit: 200 });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(mostAnswerBytes);
    const { records } = JSON.parse(text) as Read;
    expect(records).toHaveLength(200);
    expect(records[0]).toMatchObject({ cut: true, fullBytes: Buffer.byteLength(long) });
    expect(long.startsWith(records[0]?.dataStart ?? "?")).toBe(true);
    expect(records[199]).toMatchObject({ data: { i: 198 } });
  });
});

describe("records within a bound", () => {
  it("are cut where they are longer than their share, whatever is in them", () => {
    const records = Array.from({ length: 100 }, (_, i) =>
      create(RecordSchema, {
        source: "s".repeat(150),
        id: "\u0001".repeat(3000),
        offset: BigInt(i),
        headers: { h: "x".repeat(10_000) },
        payload:
          i % 2 === 0
            ? { case: "json", value: `"${"\ud83d\ude00".repeat(5000)}"` }
            : { case: "binary", value: new Uint8Array(20_000) },
      }),
    );
    const texts = recordTexts(records, 300_000);
    expect(texts).toHaveLength(100);
    expect(Buffer.byteLength(texts.join())).toBeLessThanOrEqual(300_000);
    for (const text of texts) expect(JSON.parse(text)).toMatchObject({ cut: true });
  });
});

describe("the transport", () => {
  const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${harness.url}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
      body,
    });

  it("has no sessions: any gateway may answer any request", async () => {
    const other = await Harness.start();
    try {
      expect((await post(ping)).headers.get("mcp-session-id")).toBeNull();
      const call = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "list_sources", arguments: {} } };
      const response = await fetch(`${other.url}/mcp`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify(call),
      });
      expect(await response.text()).toContain("quakes");
    } finally {
      await other.stop();
    }
  });

  it.each(["GET", "DELETE"])("answers %s with 405, as the protocol says of those without sessions", async (method) => {
    const response = await fetch(`${harness.url}/mcp`, { method, headers: { accept: "text/event-stream" } });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toContain("POST");
  });

  it.each(["https://evil.example", "null", "http://evil.example:3000"])("refuses pages of %s", async (origin) => {
    expect((await post(ping, { origin })).status).toBe(403);
  });

  it("serves its own pages", async () => {
    expect((await post(ping, { origin: harness.url })).status).toBe(200);
  });

  it("says what is wrong with what is no MCP", async () => {
    expect((await post("{")).status).toBe(400);
    expect((await post(ping, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(ping, { accept: "text/plain" })).status).toBe(406);
    expect((await post(ping, { "mcp-protocol-version": "1999-01-01" })).status).toBe(400);
    expect((await post(JSON.stringify("x".repeat(2 * 1024 * 1024)))).status).toBe(413);
  });
});
