import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { brotliDecompressSync, constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Compressor } from "./compressor.js";
import { EventClient } from "./testing/event-client.js";
import { Harness, curl, eventually } from "./testing/harness.js";
import { RawClient, endOfStream, http1Get, http2Get, isWholeChunked } from "./testing/raw-client.js";

const records = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ n: from + index, text: `record ${from + index}` }));

/** What the real curl, which need not know the coding, got. */
const bytes = async (...args: string[]): Promise<Buffer> =>
  (await promisify(execFile)("curl", ["-sS", ...args], { encoding: "buffer", maxBuffer: 2 ** 26 })).stdout;

const released = (harness: Harness): Promise<void> => eventually(() => harness.reader.held === 0);

const unpack = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
/** Takes what is there for the end. */
const FLUSH = {
  gzip: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: constants.ZSTD_e_flush,
};
const codings = ["gzip", "br", "zstd"] as const;

describe.each(codings)("an answer in %s", (coding) => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ deliveryIdleMs: 60_000 });
  });
  afterEach(() => harness.stop());

  it.each([
    ["HTTP/1.1", "--http1.1"],
    ["HTTP/2", "--http2-prior-knowledge"],
  ])("is the same text over %s, and is acknowledged", async (_name, option) => {
    harness.reader.batchSize = 700;
    harness.reader.add(records(5000));
    for (const accept of ["application/json", "application/x-ndjson"]) {
      const reader = `r${accept.length}`;
      const args = [option, "-H", `accept: ${accept}`];
      const plain = await curl(...args, `${harness.url}/data?ack=manual&reader=${reader}`);
      const packed = await bytes(...args, "-H", `accept-encoding: ${coding}`, `${harness.url}/data?reader=${reader}`);
      expect(packed.length).toBeLessThan(plain.length / 4);
      const text = unpack[coding](packed).toString();
      // With ack=manual the cursor stands at the end of NDJSON.
      expect(plain.startsWith(text)).toBe(true);
      expect(text.length).toBeGreaterThan(500_000);
      await eventually(() => harness.reader.positionOf(reader) === 5000);
    }
  });

  it.each([
    ["HTTP/1.1", false],
    ["HTTP/2", true],
  ])("loses nothing over %s when it is cut at any byte", async (_name, http2) => {
    harness.reader.add(records(100));
    const fields = { "accept-encoding": coding };
    const request = (reader: string): string | Buffer =>
      http2
        ? http2Get(`/data?reader=${reader}`, fields)
        : http1Get(`/data?reader=${reader}`, `accept-encoding: ${coding}\r\n`);
    const whole = (received: Buffer): boolean =>
      http2 ? endOfStream(received) !== undefined : isWholeChunked(received);
    const probe = new RawClient({ port: harness.port, request: request("whole") });
    const { length } = await probe.until(whole);
    probe.die();
    await eventually(() => harness.reader.positionOf("whole") === 100);
    // HPACK, and the time of day in what is compressed, make answers a few bytes shorter or longer.
    const step = http2 ? 83 : 34;
    for (let bytes = 0; bytes < length - 60; bytes += step) {
      const client = new RawClient({ port: harness.port, request: request(`c${bytes + 1000}`), bytes });
      await client.full();
      client.die();
    }
    await released(harness);
    expect([...harness.reader.positions.keys()].filter((name) => name.startsWith("c"))).toEqual([]);
  });

  it("is served again to curl that is killed in the middle", async () => {
    harness.reader.add(records(200_000));
    const args = ["-sN", "-H", `accept-encoding: ${coding}`, "--limit-rate", "50k", `${harness.url}/data?reader=kill`];
    const child = spawn("curl", args);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await released(harness);
    expect(harness.reader.positionOf("kill")).toBe(0);
  });

  it("holds the records back where its client does, in constant memory", async () => {
    // Text that cannot be made shorter.
    const { randomBytes } = await import("node:crypto");
    harness.reader.add(Array.from({ length: 20_000 }, () => JSON.stringify(randomBytes(1500).toString("base64"))));
    const request = http1Get("/data?reader=slow", `accept-encoding: ${coding}\r\naccept: application/x-ndjson\r\n`);
    const client = new RawClient({ port: harness.port, request, bytes: 1000 });
    await client.full();
    // Until all that lies between is full, which takes a busy machine a while.
    await eventually(async () => {
      const before = harness.reader.sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before > 0 && harness.reader.sent === before;
    });
    const { sent } = harness.reader;
    expect(sent).toBeLessThan(15_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(harness.reader.sent - sent).toBeLessThan(2000);
    client.die();
    await released(harness);
    expect(harness.reader.positionOf("slow")).toBe(0);
  });

  it.each([false, true])("does not hold a live tail back (HTTP/2: %p)", async (http2) => {
    const client = EventClient.open(`${harness.url}/data?reader=live`, {
      http2,
      headers: { "accept-encoding": coding },
    });
    await client.until(() => client.status === 200);
    expect(client.headers["content-encoding"]).toBe(coding);
    for (let n = 1; n <= 3; n += 1) {
      harness.reader.add(records(1, n - 1));
      await client.until(() => client.events.length === n);
      if (http2) await eventually(() => harness.reader.positionOf("live") === n);
    }
    client.close();
    await eventually(() => harness.reader.positionOf("live") === 3);
    await released(harness);
  });

  it("is given where it is worth it, and by HEAD as by GET", async () => {
    const get = async (path: string, method = "GET", accept = "*/*"): Promise<(string | null)[]> => {
      const headers = { "accept-encoding": coding, accept };
      const controller = new AbortController();
      const response = await fetch(`${harness.url}${path}`, { method, headers, signal: controller.signal });
      controller.abort();
      return [response.headers.get("content-encoding"), response.headers.get("vary")];
    };
    expect(await get("/livez")).toEqual([null, "Accept-Encoding"]);
    harness.reader.add(records(1));
    expect(await get("/data?ack=manual")).toEqual([null, "Accept, Accept-Encoding"]);
    for (const method of ["GET", "HEAD"]) {
      expect(await get("/data?ack=manual", method, "text/event-stream")).toEqual([coding, "Accept, Accept-Encoding"]);
    }
    for (let n = 0; n < 50; n += 1) harness.reader.positions.set(`reader-${n}`, 0);
    const head = await fetch(`${harness.url}/data/readers`, { method: "HEAD", headers: { "accept-encoding": coding } });
    const body = await fetch(`${harness.url}/data/readers`, { headers: { "accept-encoding": coding } });
    expect(((await body.json()) as { readers: unknown[] }).readers).toHaveLength(50);
    for (const name of ["content-encoding", "content-length", "content-type", "vary", "cache-control"]) {
      expect([name, head.headers.get(name)]).toEqual([name, body.headers.get(name)]);
    }
    expect(head.headers.get("content-encoding")).toBe(coding);
  });

  it("is given however short it is to who refuses it plain", async () => {
    const client = new RawClient({
      port: harness.port,
      request: http1Get("/livez", `accept-encoding: ${coding}, identity;q=0\r\nconnection: close\r\n`),
    });
    await client.over();
    const [head = ""] = client.received.toString("latin1").split("\r\n\r\n");
    expect(head).toContain(`content-encoding: ${coding}`);
    expect(unpack[coding](client.received.subarray(head.length + 4)).toString()).toBe('{"status":"alive"}\n');
    client.die();
  });
});

it("refuses who takes none of the codings, before anything is done", async () => {
  const harness = await Harness.start();
  const refused = await fetch(`${harness.url}/worker`, {
    method: "POST",
    headers: { "accept-encoding": "deflate, identity;q=0", "content-type": "application/json" },
    body: '{"command":"start"}',
  });
  expect(refused.status).toBe(406);
  expect(await refused.json()).toMatchObject({
    errors: [{ field: "accept-encoding", problem: expect.stringContaining("zstd, br, gzip and identity") as unknown }],
  });
  expect(harness.ingestor.started).toBe(false);
  await harness.stop();
});

describe.each(codings)("the compressor for %s", (coding) => {
  it("lets each piece out whole", async () => {
    const compressor = new Compressor(coding);
    const out: Buffer[] = [];
    let text = "";
    for (let i = 0; i < 20; i += 1) {
      const piece = "é".repeat(i * 5000) + i;
      text += piece;
      out.push(...(await compressor.write(Buffer.from(piece))));
      const soFar = Buffer.concat(out);
      const flush = { finishFlush: FLUSH[coding] };
      expect(unpack[coding](soFar, flush).toString()).toBe(text);
    }
    out.push(...(await compressor.end(Buffer.from("!"))));
    expect(unpack[coding](Buffer.concat(out)).toString()).toBe(`${text}!`);
    compressor.close();
  });
});
