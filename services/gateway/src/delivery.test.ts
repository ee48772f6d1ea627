import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { connect } from "node:http2";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Harness, curl, eventually } from "./testing/harness.js";
import { RawClient, endOfStream, http1Get, http2Get, isWholeChunked, pong } from "./testing/raw-client.js";
import { ways } from "./testing/ways.js";

const records = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `{"n":${from + index}}`);

const everyByte = process.env["APISPOOL_TEST_CUTS"] === "all";
const phase = Date.now() % 5;

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The upstream lease is gone, so the outcome is known. */
const released = (harness: Harness): Promise<void> => eventually(() => harness.reader.held === 0);

describe("a fetch that is acknowledged on evidence of receipt", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ deliveryIdleMs: 60_000 });
    harness.reader.add(records(3));
  });
  afterEach(() => harness.stop());

  describe.each(ways)("%s", (name, request, whole) => {
    it("is acknowledged when the client closes after the last byte", async () => {
      const client = new RawClient({ port: harness.port, request: request("all0") });
      await client.until((received) => whole(received) !== undefined);
      // A gRPC client reads on until it closes, so it is asked with the last bytes, and answers.
      if (name === "gRPC") client.socket.write(pong(await client.until((r) => pong(r) !== undefined)) ?? "");
      client.die();
      await eventually(() => harness.reader.positionOf("all0") === 3);
      await released(harness);
    });

    it("loses nothing when it is cut at any byte, at once or after a stall", async () => {
      const probe = new RawClient({ port: harness.port, request: request("r000") });
      const length = whole(await probe.until((received) => whole(received) !== undefined)) ?? 0;
      probe.die();
      expect(length).toBeGreaterThan(100);
      const uncut = new Set<string>();
      const cut = async (bytes: number, stallMs: number): Promise<void> => {
        const reader = `c${String(bytes).padStart(3, "0")}`;
        const client = new RawClient({ port: harness.port, request: request(reader), bytes });
        const received = await client.until((r) => r.length >= bytes || whole(r) !== undefined);
        // HPACK makes answers of the same text a few bytes shorter or longer.
        if (whole(received) !== undefined) uncut.add(reader);
        if (stallMs > 0) await settle(stallMs);
        client.die();
      };
      // The end of it byte by byte; of what is before, a part each time.
      const cuts = Array.from({ length }, (_, bytes) => bytes).filter(
        (bytes) => everyByte || bytes > length - 60 || bytes % 5 === phase,
      );
      for (let at = 0; at < length; at += 50) await Promise.all(cuts.slice(at, at + 50).map((bytes) => cut(bytes, 0)));
      await released(harness);
      await Promise.all(cuts.filter((_, n) => n % 7 === 0).map((bytes) => cut(bytes, 120)));
      await released(harness);
      const moved = [...harness.reader.positions.keys()].filter((name) => name.startsWith("c") && !uncut.has(name));
      expect(moved).toEqual([]);
      expect(uncut.size).toBeLessThan(10);
      expect(harness.reader.requests.length).toBeGreaterThan(cuts.length);
    });
  });

  describe("an HTTP/2 client that says goodbye", () => {
    const goodbye = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    it.each(["close", "destroy"] as const)("is served once when it does so at the end by %s", async (how) => {
      for (let n = 0; n < 10; n++) {
        const session = connect(harness.url);
        const stream = session.request({ ":path": `/data?reader=${how}${n}` }).resume();
        await once(stream, "close");
        session[how]();
        await eventually(() => harness.reader.positionOf(`${how}${n}`) === 3);
      }
    });

    it("loses nothing when it has not taken everything", async () => {
      const request = (reader: string): Buffer => http2Get(`/data?reader=${reader}`);
      const probe = new RawClient({ port: harness.port, request: request("p000") });
      const length = endOfStream(await probe.until((received) => endOfStream(received) !== undefined)) ?? 0;
      probe.die();
      // Not up to the very end: HPACK makes some answers a few bytes shorter.
      for (let bytes = 0; bytes < length - 20; bytes += 20) {
        const reader = `g${String(bytes).padStart(3, "0")}`;
        const client = new RawClient({ port: harness.port, request: request(reader), bytes });
        await client.full();
        client.socket.write(goodbye);
        client.die();
      }
      await released(harness);
      expect([...harness.reader.positions.keys()].filter((reader) => reader.startsWith("g"))).toEqual([]);
    });
  });

  it("takes the next request on the connection for evidence", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=next") });
    await client.until(isWholeChunked);
    await settle(100);
    expect(harness.reader.positionOf("next")).toBe(0);
    client.socket.write(http1Get("/livez"));
    await eventually(() => harness.reader.positionOf("next") === 3);
    client.die();
  });

  it("does not take a request for evidence that was sent before the answer was read", async () => {
    const client = new RawClient({
      port: harness.port,
      request: http1Get("/data?reader=pipe") + http1Get("/livez"),
      bytes: 20,
    });
    await client.full();
    await settle(100);
    client.die();
    await released(harness);
    expect(harness.reader.positionOf("pipe")).toBe(0);
  });

  it("serves pipelined fetches of one reader, the unproven one again", async () => {
    const twice = http1Get("/data?reader=pipe2") + http1Get("/data?reader=pipe2");
    const client = new RawClient({ port: harness.port, request: twice });
    const answer = await client.until((received) => received.toString().split("Apispool-Cursor: c3").length === 3);
    expect(answer.toString().match(/"n":2/g)).toHaveLength(2);
    client.die();
    await eventually(() => harness.reader.positionOf("pipe2") === 3);
  });

  it("takes a FIN that a reset follows for what it is", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=finrst"), bytes: 20 });
    await client.full();
    await settle(50);
    client.socket.end(() => client.die());
    await released(harness);
    expect(harness.reader.positionOf("finrst")).toBe(0);
  });

  it("gives the reader free when the client goes while it waits for records", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=wait&wait=200&start=latest") });
    harness.reader.positions.set("wait", 3);
    await eventually(() => harness.reader.held === 1);
    client.die();
    await released(harness);
  });

  it("asks an idle connection when somebody waits for the reader", async () => {
    const agent = new http.Agent({ keepAlive: true });
    expect(await getWith(agent, `${harness.url}/data?reader=busy`)).toContain('"n":2');
    expect(harness.reader.positionOf("busy")).toBe(0);
    expect(JSON.parse(await curl(`${harness.url}/data?reader=busy`))).toMatchObject({ records: [] });
    expect(harness.reader.positionOf("busy")).toBe(3);
    agent.destroy();
  });

  it("answers 409 with Retry-After while another client stalls, and delivers once that one is gone", async () => {
    harness.reader.lockWaitMs = 300;
    const stalled = new RawClient({ port: harness.port, request: http1Get("/data?reader=stall"), bytes: 20 });
    await stalled.full();
    const refused = await fetch(`${harness.url}/data?reader=stall`);
    expect(refused.status).toBe(409);
    expect(refused.headers.get("retry-after")).toBe("2");
    expect(await refused.json()).toMatchObject({ code: "aborted", reason: "READER_BUSY" });
    stalled.die();
    await released(harness);
    expect(await curl(`${harness.url}/data?reader=stall`)).toContain('"n":0');
  });

  it("neither needs evidence nor closes the connection where nothing was delivered", async () => {
    harness.reader.positions.set("none", 3);
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=none") });
    await client.until(isWholeChunked);
    await released(harness);
    expect(await curl(`${harness.url}/data?reader=none`)).toContain('"records":[]');
    expect(client.ended).toBe(false);
    client.die();
  });

  it("leaves acknowledging to the client with ack=manual, and does it with ack=<cursor>", async () => {
    const first = await curl(`${harness.url}/data?reader=hand&ack=manual`);
    expect(await curl(`${harness.url}/data?reader=hand&ack=manual`)).toBe(first);
    harness.reader.add(records(1, 3));
    const next = JSON.parse(await curl(`${harness.url}/data?reader=hand&ack=c3`)) as { records: { offset: number }[] };
    expect(next.records.map((record) => record.offset)).toEqual([3]);
    expect(harness.reader.positionOf("hand")).toBe(3);
    const acknowledged = await curl(
      "-H",
      "content-type: application/json",
      "-d",
      '{"reader":"hand","cursor":"c4"}',
      `${harness.url}/data/ack`,
    );
    expect(JSON.parse(acknowledged)).toEqual({
      changed: true,
      positions: [{ source: "quakes", partition: 0, offset: 4 }],
    });
  });

  it("commits nothing with since, nor with HEAD", async () => {
    expect(await curl(`${harness.url}/data?reader=peek&since=c1`)).toContain('"n":2');
    await curl("-I", `${harness.url}/data?reader=peek`);
    await released(harness);
    expect(harness.reader.positionOf("peek")).toBe(0);
    expect(harness.reader.requests).toHaveLength(1);
  });

  it.each(["sec-purpose: prefetch;prerender", "purpose: prefetch", "x-moz: prefetch"])(
    "commits nothing to a browser that fetches ahead (%s)",
    async (header) => {
      const ahead = await curl("-H", header, `${harness.url}/data?reader=ahead&ack=c2`);
      expect(JSON.parse(ahead)).toMatchObject({ records: [{ offset: 0 }, { offset: 1 }, { offset: 2 }] });
      await released(harness);
      expect(harness.reader.positionOf("ahead")).toBe(0);
      expect(harness.reader.acknowledged).toEqual([]);
    },
  );

  describe("with the real curl", () => {
    it.each([
      ["HTTP/1.1", "--http1.1"],
      ["HTTP/1.0", "--http1.0"],
      ["HTTP/2", "--http2-prior-knowledge"],
    ])("serves everything once over %s", async (_name, option) => {
      const get = async (): Promise<unknown> => JSON.parse(await curl(option, `${harness.url}/data?reader=curl`));
      expect(await get()).toMatchObject({
        records: [{ data: { n: 0 } }, { data: { n: 1 } }, { data: { n: 2 } }],
        cursor: "c3",
      });
      expect(await get()).toMatchObject({ records: [], cursor: "c3" });
      harness.reader.add(records(1, 3));
      expect(await get()).toMatchObject({ records: [{ data: { n: 3 } }] });
    });

    it.each(["--http1.1", "--http2-prior-knowledge"])(
      "serves again what curl %s | head did not take",
      async (option) => {
        harness.reader.add(records(100_000, 3));
        const command = `curl -sN ${option} '${harness.url}/data?reader=head' | head -c 100`;
        await new Promise((resolve) => spawn("bash", ["-c", command], { stdio: "ignore" }).on("exit", resolve));
        await released(harness);
        expect(harness.reader.positionOf("head")).toBe(0);
        const all = JSON.parse(await curl(option, `${harness.url}/data?reader=head`)) as { records: unknown[] };
        expect(all.records).toHaveLength(100_003);
        await eventually(() => harness.reader.positionOf("head") === 100_003);
      },
    );

    it.each(["--http1.1", "--http2-prior-knowledge"])(
      "loses nothing when curl %s is killed in the middle",
      async (option) => {
        harness.reader.add(records(50_000, 3));
        const child = spawn("curl", ["-sN", option, "--limit-rate", "100k", `${harness.url}/data?reader=kill`]);
        await new Promise((resolve) => child.stdout.once("data", resolve));
        child.kill("SIGKILL");
        await released(harness);
        expect(harness.reader.positionOf("kill")).toBe(0);
      },
    );
  });
});

describe("a client that takes nothing any more", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ deliveryTimeoutMs: 500 });
    harness.reader.add(Array.from({ length: 20_000 }, (_, n) => JSON.stringify({ n, text: "x".repeat(1000) })));
  });
  afterEach(() => harness.stop());

  it.each(ways)("is cut off, and what it did not take stays unread: %s", async (_name, request) => {
    const client = new RawClient({ port: harness.port, request: request("stalls"), bytes: 1000 });
    await client.full();
    // It stays connected; that it is gone is for the gateway to decide.
    await released(harness);
    expect(harness.reader.sent).toBeLessThan(20_000);
    expect(harness.reader.acknowledged).toEqual([]);
    client.die();
  });

  it("is cut off too when all that it does not take is the end", async () => {
    harness.reader.batchSize = 20_000;
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=tail"), bytes: 1000 });
    await client.full();
    await released(harness);
    expect(harness.reader.acknowledged).toEqual([]);
    client.die();
  });
});

describe("a connection that stays idle after its answer", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ deliveryIdleMs: 150, deliveryTimeoutMs: 1000 });
    harness.reader.add(records(3));
  });
  afterEach(() => harness.stop());

  it("is asked by a half-close, which a keep-alive agent answers in order", async () => {
    const agent = new http.Agent({ keepAlive: true });
    await getWith(agent, `${harness.url}/data?reader=idle`);
    await eventually(() => harness.reader.positionOf("idle") === 3);
    expect(JSON.parse(await getWith(agent, `${harness.url}/data?reader=idle`))).toMatchObject({ records: [] });
    agent.destroy();
  });

  it("counts as lost when its client resets it then", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=late"), bytes: 30 });
    await client.full();
    await settle(400);
    client.die();
    await released(harness);
    expect(harness.reader.positionOf("late")).toBe(0);
  });

  it("counts as lost when its client never answers", async () => {
    const client = new RawClient({ port: harness.port, request: http1Get("/data?reader=mute"), bytes: 30 });
    await client.full();
    await released(harness);
    expect(harness.reader.positionOf("mute")).toBe(0);
    client.die();
  });

  it("is answered by a PING over HTTP/2 while the connection stays open", async () => {
    const session = connect(harness.url);
    const stream = session.request({ ":path": "/data?reader=ping" });
    stream.resume();
    await eventually(() => harness.reader.positionOf("ping") === 3);
    session.destroy();
  });
});

function getWith(agent: http.Agent, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}
