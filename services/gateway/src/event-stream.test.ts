import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Code } from "@connectrpc/connect";
import { AckMode, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { Problem } from "./problem.js";
import { EventClient, EventParser } from "./testing/event-client.js";
import { Harness, curl, eventually } from "./testing/harness.js";
import { RawClient, http1Get, http2Get, pong } from "./testing/raw-client.js";

const records = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `{"n":${from + index}}`);

const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

const released = (harness: Harness): Promise<void> => eventually(() => harness.reader.held === 0);

describe.each([
  ["HTTP/1.1", false],
  ["HTTP/2", true],
])("GET /data as server-sent events over %s", (_name, http2) => {
  let harness: Harness;
  const clients: EventClient[] = [];
  beforeEach(async () => {
    harness = await Harness.start({ heartbeatMs: 200 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await harness.stop();
  });

  const open = (path: string, headers: Record<string, string> = {}): EventClient => {
    const client = EventClient.open(`${harness.url}${path}`, { http2, headers });
    clients.push(client);
    return client;
  };

  it("tells each record as its line of NDJSON, and goes on with what comes", async () => {
    const odd = '{ "z":1.10,\r\n "a" : 123456789012345678901234567890,\n "é\u2028":"\\u00e9" }';
    harness.reader.add([odd, '{"n":1}']);
    const client = open("/data?reader=tail&ack=manual");
    await client.until(() => client.events.length === 2);
    const lines = (await curl("-H", "accept: application/x-ndjson", `${harness.url}/data?since=c0`)).split("\n");
    expect(client.events.map(({ data }) => data)).toEqual(lines.slice(0, 2));
    expect(client.events[0]?.data).toContain(`"data":${odd.replaceAll(/[\r\n]+/g, " ")}}`);
    harness.reader.add(['{"n":2}']);
    await client.until(() => client.events.length === 3);
    expect([client.status, client.retry]).toEqual([200, 1000]);
    expect(client.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      vary: "Accept, Accept-Encoding",
    });
    expect(client.headers).not.toHaveProperty("content-encoding");
    expect(harness.reader.requests[0]).toMatchObject({ follow: true, reader: "tail" });
  });

  it("gives the id with the last event of a batch, and one before the first", async () => {
    harness.reader.batchSize = 2;
    const client = open("/data?ack=manual");
    await client.until(() => client.lastEventId === "c0");
    expect(client.events).toEqual([]);
    harness.reader.add(records(3));
    await client.until(() => client.events.length === 3);
    expect(client.events.map(({ lastEventId }) => lastEventId)).toEqual(["c0", "c2", "c3"]);
  });

  it("tells a gap as an event of its own, with the id where nothing follows it", async () => {
    harness.reader.add(records(1));
    const gap = { source: "quakes", fromOffset: 3n, toOffset: 9n, reason: GapReason.EXPIRED, detail: "gone" };
    harness.reader.gaps.push(gap);
    const client = open("/data?ack=manual");
    await client.until(() => client.events.length === 2);
    expect(client.events.map(({ type, lastEventId }) => [type, lastEventId])).toEqual([
      ["gap", ""],
      ["message", "c1"],
    ]);
    expect(JSON.parse(client.events[0]?.data ?? "")).toEqual({
      source: "quakes",
      partition: 0,
      fromOffset: 3,
      toOffset: 9,
      reason: "EXPIRED",
      detail: "gone",
    });
    harness.reader.gaps.push(gap);
    const other = open("/data?since=c1");
    await other.until(() => other.events.length === 1);
    expect(other.events.map(({ type, lastEventId }) => [type, lastEventId])).toEqual([["gap", "c1"]]);
  });

  it("shows by a comment that it lives", async () => {
    const client = open("/data");
    await client.until(() => client.comments >= 2);
    harness.reader.add(records(1));
    await client.until(() => client.events.length === 1);
  });

  it("acknowledges what came with the last id, and goes on from there", async () => {
    harness.reader.add(records(5));
    harness.reader.positions.set("back", 1);
    const client = open("/data?reader=back", { "last-event-id": "c3" });
    await client.until(() => client.events.length === 2);
    expect(client.numbers).toEqual([3, 4]);
    expect(harness.reader.requests[0]).toMatchObject({ ackCursor: "c3", since: "" });
    // Over HTTP/2 what has come is known while the stream runs, and only then.
    if (http2) await eventually(() => harness.reader.positionOf("back") === 5);
    client.close();
    await eventually(() => harness.reader.positionOf("back") === 5);
  });

  it.each(["ack=manual", "since=c1", "ack=manual&since=c0"])(
    "goes on from the last id and moves nobody with %s",
    async (query) => {
      harness.reader.add(records(5));
      const client = open(`/data?reader=free&${query}`, { "last-event-id": "c3" });
      await client.until(() => client.events.length === 2);
      expect(client.numbers).toEqual([3, 4]);
      client.close();
      await released(harness);
      expect(harness.reader.positionOf("free")).toBe(0);
      expect(harness.reader.acknowledged).toEqual([]);
      expect(harness.reader.requests[0]).toMatchObject({ ackCursor: "", since: "c3" });
    },
  );

  it.each(["via", "forwarded", "x-forwarded-for"])(
    "takes a proxy's word for nothing (%s), only the last id",
    async (name) => {
      harness.reader.add(records(3));
      const first = open("/data?reader=behind", { [name]: "192.0.2.1" });
      await first.until(() => first.events.length === 3);
      first.close();
      await released(harness);
      expect(harness.reader.positionOf("behind")).toBe(0);
      const second = open("/data?reader=behind", { [name]: "192.0.2.1", "last-event-id": "c3" });
      await eventually(() => harness.reader.positionOf("behind") === 3);
      second.close();
    },
  );

  it("acknowledges ack=<cursor> and then nothing by itself", async () => {
    harness.reader.add(records(3));
    const client = open("/data?reader=hand&ack=c2");
    await client.until(() => client.events.length === 1);
    client.close();
    await released(harness);
    expect(harness.reader.positionOf("hand")).toBe(2);
    expect(harness.reader.requests[0]).toMatchObject({ ack: AckMode.MANUAL });
  });

  it.each([
    ["ack=auto", "nonsense", "Last-Event-ID"],
    ["ack=manual", "nonsense", "Last-Event-ID"],
    ["ack=nonsense", "", "ack"],
    ["since=nonsense", "", "since"],
    ["wait=3", "", "wait"],
    ["follow=false", "", "follow"],
    ["follow=perhaps", "", "follow"],
  ])("refuses %s with the last id %p for good, naming %s", async (query, id, field) => {
    const client = open(`/data?${query}`, id === "" ? {} : { "last-event-id": id });
    await client.over();
    expect([client.status, client.headers["content-type"]]).toEqual([400, "application/problem+json"]);
    expect((JSON.parse(client.problem) as Problem).errors?.map((error) => error.field)).toEqual([field]);
    await released(harness);
  });

  it.each([
    ["before the first event", 0],
    ["in the middle", 1],
  ])("tells what passes by itself %s so that an EventSource comes back", async (_when, after) => {
    harness.reader.batchSize = 1;
    harness.reader.add(records(2));
    const error = rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "Kafka is away", { retryAfterMs: 2500 });
    harness.reader.failAfter = { records: after, error };
    const client = open("/data?reader=broken");
    await client.over();
    expect([client.status, client.retry]).toEqual([200, 3000]);
    const last = client.events.at(-1);
    expect(last?.type).toBe("error");
    expect(JSON.parse(last?.data ?? "")).toMatchObject({ status: 503, reason: "KAFKA_UNAVAILABLE" });
    expect(client.lastEventId).toBe(after === 0 ? "" : "c1");
    expect(client.numbers).toEqual(numbers(after));
    await released(harness);
  });

  it("tells a failure for good by its status before the first event, and by an event afterwards", async () => {
    harness.reader.batchSize = 1;
    harness.reader.add(records(2));
    const error = rpcError(Code.Internal, "INTERNAL", "secret");
    harness.reader.failAfter = { records: 0, error };
    const first = open("/data?reader=a");
    await first.over();
    expect([first.status, (JSON.parse(first.problem) as Problem).status]).toEqual([500, 500]);
    harness.reader.failAfter = { records: 1, error };
    const second = open("/data?reader=b");
    await second.over();
    expect(second.events.map(({ type }) => type)).toEqual(["message", "error"]);
  });

  it("says by an event that the reader is busy, and serves it once it is free", async () => {
    harness.reader.lockWaitMs = 100;
    const first = open("/data?reader=one");
    await first.until(() => first.status === 200);
    const second = open("/data?reader=one");
    await second.over();
    expect(second.events.map(({ type }) => type)).toEqual(["error"]);
    expect(JSON.parse(second.events[0]?.data ?? "")).toMatchObject({ status: 409, reason: "READER_BUSY" });
    first.close();
    await released(harness);
    harness.reader.add(records(1));
    const third = open("/data?reader=one");
    await third.until(() => third.events.length === 1);
  });

  it("gives the reader free at once when its client goes, with what it received acknowledged", async () => {
    harness.reader.add(records(3));
    const first = open("/data?reader=tab");
    await first.until(() => first.events.length === 3);
    if (http2) await eventually(() => harness.reader.positionOf("tab") === 3);
    first.close();
    await eventually(() => harness.reader.positionOf("tab") === 3);
    await released(harness);
    harness.reader.add(records(1, 3));
    const second = open("/data?reader=tab");
    await second.until(() => second.events.length === 1);
    expect(second.numbers).toEqual([3]);
  });

  it("tells its clients when it stops", async () => {
    harness.reader.add(records(1));
    const client = open("/data?reader=stop");
    await client.until(() => client.events.length === 1);
    await harness.gateway?.stop();
    await client.over();
    expect(client.events.map(({ type }) => type)).toEqual(["message", "error"]);
    expect(JSON.parse(client.events[1]?.data ?? "")).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(harness.reader.positionOf("stop")).toBe(1);
  });

  it("skips nothing and acknowledges nothing that was cut off, at any byte", async () => {
    harness.reader.batchSize = 2;
    harness.reader.add(records(5));
    const request = (reader: string): string | Buffer =>
      http2
        ? http2Get(`/data?reader=${reader}`, { accept: "text/event-stream" })
        : http1Get(`/data?reader=${reader}`, "accept: text/event-stream\r\n");
    const probe = new RawClient({ port: harness.port, request: request("p000") });
    const { length } = await probe.until((received) => received.includes("id: c5\n\n"));
    probe.die();
    for (let bytes = 1; bytes < length; bytes += http2 ? 23 : 11) {
      const reader = `c${String(bytes).padStart(3, "0")}`;
      const cut = new RawClient({ port: harness.port, request: request(reader), bytes });
      const received = await cut.full();
      cut.die();
      await released(harness);
      const seen = new EventParser();
      const body = received.toString().indexOf("retry:");
      if (body >= 0) seen.push(http2 ? textOfFrames(received) : withoutChunks(received.subarray(body).toString()));
      const first = seen.events.map(({ data }) => (JSON.parse(data) as { offset: number }).offset);
      expect(harness.reader.positionOf(reader)).toBeLessThanOrEqual(first.length);
      const id = seen.lastEventId === "" ? {} : { "last-event-id": seen.lastEventId };
      const again = open(`/data?reader=${reader}`, id);
      const from = Number(seen.lastEventId.slice(1));
      await again.until(() => again.events.length === 5 - from);
      expect([...first.slice(0, from), ...again.numbers]).toEqual(numbers(5));
      again.close();
    }
  });
});

/** What came of a chunked body, the sizes left out; only whole lines are of interest. */
function withoutChunks(text: string): string {
  return text.replaceAll(/\r\n[0-9a-f]+\r\n/g, "").replace(/\r\n[0-9a-f]*\r?$/, "");
}

/** The bodies of the DATA frames, of a cut one what is there. */
function textOfFrames(received: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received[at + 3] === 0) parts.push(received.subarray(at + 9, at + 9 + received.readUIntBE(at, 3)));
  }
  return Buffer.concat(parts).toString();
}

describe("an event stream that runs", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start();
    harness.reader.add(records(3));
  });
  afterEach(() => harness.stop());

  it("is acknowledged over HTTP/2 by the answer to a PING, and not without", async () => {
    const request = http2Get("/data?reader=ping", { accept: "text/event-stream" });
    const client = new RawClient({ port: harness.port, request });
    const asked = await client.until((received) => pong(received) !== undefined && received.includes("id: c3"));
    expect(harness.reader.positionOf("ping")).toBe(0);
    client.socket.write(pong(asked) ?? "");
    await eventually(() => harness.reader.positionOf("ping") === 3);
    client.die();
  });

  it("is acknowledged over HTTP/1.1 by POST /data/ack with an event's id", async () => {
    const client = EventClient.open(`${harness.url}/data?reader=page`);
    await client.until(() => client.events.length === 3);
    expect(harness.reader.positionOf("page")).toBe(0);
    const body = JSON.stringify({ reader: "page", cursor: client.lastEventId });
    await curl("-H", "content-type: application/json", "-d", body, `${harness.url}/data/ack`);
    expect(harness.reader.positionOf("page")).toBe(3);
    client.close();
  });

  it("follows as NDJSON, with the cursor behind each batch for who acknowledges by it", async () => {
    const client = new RawClient({
      port: harness.port,
      request: http1Get("/data?follow=true&ack=manual&reader=lines", "accept: application/x-ndjson\r\n"),
    });
    await client.until((received) => received.includes('{"cursor":"c3"}\n'));
    harness.reader.add(records(1, 3));
    const text = (await client.until((received) => received.includes('{"cursor":"c4"}\n'))).toString();
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*x-accel-buffering: no\r\n/);
    expect(text).toMatch(/"n":2}}\n[^"]*\{"cursor":"c3"\}\n[^"]*\{"source":"quakes","id":"q3"/);
    client.die();
  });

  it("sends the head of a tail that has nothing to say yet", async () => {
    harness.reader.positions.set("quiet", 3);
    const response = await fetch(`${harness.url}/data?follow=true&reader=quiet`, {
      headers: { accept: "application/x-ndjson" },
    });
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });

  it.each([
    ["--http1.1", "text/event-stream"],
    ["--http2-prior-knowledge", "text/event-stream"],
    ["--http1.1", "application/x-ndjson"],
  ])("ends at the limit, and goes on from there (%s, %s)", async (option, accept) => {
    harness.reader.add(records(7, 3));
    for (let from = 0; from < 10; from += 2) {
      const text = await curl(option, "-H", `accept: ${accept}`, `${harness.url}/data?reader=some&limit=2&follow=true`);
      expect([...text.matchAll(/"n":(\d+)/g)].map((found) => Number(found[1]))).toEqual(numbers(2, from));
    }
  });

  it("cannot follow as JSON", async () => {
    const response = await fetch(`${harness.url}/data?follow=true`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ field: "follow" }] });
  });
});

describe("a tail whose client takes nothing any more", () => {
  it.each([
    ["text/event-stream", "identity"],
    ["text/event-stream", "gzip"],
    ["application/x-ndjson", "identity"],
  ])("costs a bounded buffer, and is cut off (%s, %s)", async (accept, coding) => {
    const { randomBytes } = await import("node:crypto");
    const harness = await Harness.start({ deliveryTimeoutMs: 500 });
    harness.reader.add(Array.from({ length: 20_000 }, () => JSON.stringify(randomBytes(750).toString("base64"))));
    const request = http1Get("/data?reader=stalls&follow=true", `accept: ${accept}\r\naccept-encoding: ${coding}\r\n`);
    const client = new RawClient({ port: harness.port, request, bytes: 1000 });
    await client.full();
    await released(harness);
    expect(harness.reader.sent).toBeLessThan(20_000);
    expect(harness.reader.acknowledged).toEqual([]);
    client.die();
    await harness.stop();
  });
});

describe("GET /worker/events", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ heartbeatMs: 200 });
  });
  afterEach(() => harness.stop());

  it.each([false, true])("tells the status at once and at every change (HTTP/2: %p)", async (http2) => {
    const client = EventClient.open(`${harness.url}/worker/events?source=quakes`, { http2 });
    await client.until(() => client.events.length === 1 && client.comments > 0);
    expect(client.headers["content-type"]).toBe("text/event-stream");
    await fetch(`${harness.url}/worker`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"command":"start"}',
    });
    await client.until(() => client.events.length === 2);
    const states = client.events.map(({ data }) => (JSON.parse(data) as { sources: object[] }).sources);
    expect(states).toMatchObject([
      [{ source: "quakes", desiredState: "STOPPED" }],
      [{ source: "quakes", desiredState: "STARTED", actualState: "IDLE" }],
    ]);
    harness.ingestor.failWatch?.(rpcError(Code.Unavailable, "SHUTTING_DOWN", "stopping"));
    await client.over();
    expect(client.events.at(-1)).toMatchObject({
      type: "error",
      data: expect.stringContaining("SHUTTING_DOWN") as unknown,
    });
    client.close();
  });

  it("refuses for good what will never be", async () => {
    expect((await fetch(`${harness.url}/worker/events?source=x`)).status).toBe(404);
    expect((await fetch(`${harness.url}/worker/events?speed=1`)).status).toBe(400);
    const json = { headers: { accept: "application/json" } };
    expect((await fetch(`${harness.url}/worker/events`, json)).status).toBe(406);
    const head = await fetch(`${harness.url}/worker/events`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  });
});
