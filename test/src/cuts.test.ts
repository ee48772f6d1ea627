import { execFile } from "node:child_process";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import {
  RawClient,
  endOfStream,
  envelope,
  http1Get,
  http2Get,
  http2Request,
  isWholeChunked,
} from "@apispool/gateway/testing/raw-client.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { eventually } from "./support/wait.js";

const run = promisify(execFile);

interface Way {
  readonly name: string;
  readonly request: (reader: string, limit: number) => string | Buffer;
  /** Whether the answer is there to its last byte. */
  readonly whole: (received: Buffer) => boolean;
}

const fetchPath = "/apispool.v1.DataReader/FetchUnread";

const fetchBody = (reader: string, limit: number): Buffer =>
  envelope(toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, { reader, limit: BigInt(limit) })));

const grpcFetch = (reader: string, limit: number): Buffer =>
  http2Request(
    {
      ":method": "POST",
      ":scheme": "http",
      ":path": fetchPath,
      ":authority": "127.0.0.1",
      "content-type": "application/grpc",
      te: "trailers",
    },
    fetchBody(reader, limit),
  );

const ways: readonly Way[] = [
  {
    name: "HTTP/1.1",
    request: (reader, limit) => http1Get(`/data?reader=${reader}&limit=${limit}`),
    whole: isWholeChunked,
  },
  {
    name: "HTTP/2",
    request: (reader, limit) => http2Get(`/data?reader=${reader}&limit=${limit}`),
    whole: (received) => endOfStream(received) !== undefined,
  },
  { name: "gRPC", request: grpcFetch, whole: (received) => endOfStream(received) !== undefined },
];

const ITEMS = 3000;
const EVERY = process.env["APISPOOL_TEST_CUTS"] === "all" ? 10 : 20;
const AT_ONCE = 20;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("a download that is cut loses nothing", () => {
  let api: http.Server;
  let stack: TestStack;
  let port: number;
  let readers = 0;

  beforeAll(async () => {
    const items = Array.from({ length: ITEMS }, (_, i) => ({ id: `item-${i}`, version: 1, text: "x".repeat(400) }));
    const body = JSON.stringify(items);
    api = http.createServer((request, response) => {
      if (request.headers["if-none-match"] === '"one"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"one"' }).end(body);
    });
    await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
    stack = await startTestStack({
      sourceUrl: `http://127.0.0.1:${(api.address() as AddressInfo).port}/`,
      sourceName: "items",
    });
    port = Number(new URL(stack.gatewayUrl).port);
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      const { records } = await getData(stack.gatewayUrl, "reader=probe&ack=manual");
      expect(records).toHaveLength(ITEMS);
    });
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    api?.closeAllConnections();
    await new Promise((resolve) => api.close(resolve));
  }, 60_000);

  /** Reads so many bytes and dies; tells whether that was all of it. */
  async function cutExactly(
    { request, whole }: Way,
    reader: string,
    limit: number,
    bytes: number,
    stallMs: number,
  ): Promise<boolean> {
    const client = new RawClient({ port, request: request(reader, limit), bytes });
    const received = await client.until((r) => r.length >= bytes || whole(r));
    await pause(stallMs);
    client.die();
    return whole(received);
  }

  /** The same in the middle of a large answer: with what it leaves unread in the buffers on both sides. */
  async function cutLarge(way: Way, reader: string, bytes: number, stallMs: number): Promise<void> {
    if (way.name === "HTTP/1.1") {
      const client = new RawClient({ port, request: way.request(reader, ITEMS) });
      await client.until((received) => received.length >= bytes);
      client.socket.pause();
      await pause(stallMs);
      client.die();
      return;
    }
    // A client that opens its window as it reads, as real ones do.
    const session = http2.connect(stack.gatewayUrl);
    session.on("error", () => undefined);
    const stream =
      way.name === "gRPC"
        ? session.request({ ":method": "POST", ":path": fetchPath, "content-type": "application/grpc", te: "trailers" })
        : session.request({ ":path": `/data?reader=${reader}&limit=${ITEMS}` });
    stream.on("error", () => undefined);
    if (way.name === "gRPC") stream.end(fetchBody(reader, ITEMS));
    let received = 0;
    await new Promise<void>((resolve) => {
      stream.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received < bytes) return;
        stream.pause();
        resolve();
      });
    });
    await pause(stallMs);
    session.destroy();
  }

  async function lengthOf({ request, whole }: Way): Promise<number> {
    const client = new RawClient({ port, request: request(`length-${(readers += 1)}`, 1) });
    const received = await client.until(whole);
    client.die();
    return received.length;
  }

  /** A reader whose download was cut is handed the same again; waiting for the evidence of the first may take a moment. */
  async function comesAgain(reader: string, limit: number): Promise<void> {
    const { records } = await eventually(() => getData(stack.gatewayUrl, `reader=${reader}&limit=${limit}`));
    expect(records.map((r) => r.data.id)).toEqual(Array.from({ length: limit }, (_, i) => `item-${i}`));
  }

  it.each(ways)(
    "a small one, all along its length, over $name",
    async (way) => {
      const length = await lengthOf(way);
      expect(length).toBeGreaterThan(400);
      // The gateway's own tests cut closer.
      const cuts = Array.from({ length: Math.ceil(length / EVERY) }, (_, i) => i * EVERY);
      let whole = 0;
      for (let from = 0; from < cuts.length; from += AT_ONCE) {
        const some = cuts.slice(from, from + AT_ONCE).map(async (bytes) => {
          const reader = `small-${(readers += 1)}`;
          // HPACK makes some answers a few bytes shorter: one that was whole may count as received.
          if (await cutExactly(way, reader, 1, bytes, 0)) whole += 1;
          else await comesAgain(reader, 1);
        });
        await Promise.all(some);
      }
      expect(whole).toBeLessThan(120 / EVERY);
    },
    45_000,
  );

  it.each(ways)(
    "a large one, at random, at once and after seconds of stalling, over $name",
    async (way) => {
      const cuts = Array.from({ length: 12 }, (_, i) => ({
        bytes: 1 + Math.floor(Math.random() * (i % 2 === 0 ? 3000 : 1_000_000)),
        stallMs: i % 3 === 0 ? 2500 : 0,
      }));
      await Promise.all(
        cuts.map(async ({ bytes, stallMs }) => {
          const reader = `large-${(readers += 1)}`;
          await cutLarge(way, reader, bytes, stallMs);
          await comesAgain(reader, ITEMS);
        }),
      );
    },
    45_000,
  );

  it("an ordinary curl and a keep-alive client that sits idle are each served once, at once", async () => {
    const fetchIds = async (reader: string): Promise<string[]> => {
      const { stdout } = await run("curl", ["-sS", `${stack.gatewayUrl}/data?reader=${reader}&limit=5`]);
      return (JSON.parse(stdout) as { records: { id: string }[] }).records.map(({ id }) => id);
    };
    for (const from of [0, 5, 10]) {
      expect(await fetchIds("curl")).toEqual(Array.from({ length: 5 }, (_, i) => `item-${from + i}`));
    }
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = async (reader: string): Promise<string[]> =>
      new Promise((resolve, reject) => {
        http
          .get(`${stack.gatewayUrl}/data?reader=${reader}&limit=5`, { agent }, (response) => {
            let text = "";
            response.setEncoding("utf8");
            response.on("data", (chunk: string) => (text += chunk));
            response.on("end", () =>
              resolve((JSON.parse(text) as { records: { id: string }[] }).records.map((r) => r.id)),
            );
          })
          .on("error", reject);
      });
    expect(await get("idle")).toHaveLength(5);
    // It sits idle now, and another client comes with the same name: nothing is delivered twice.
    expect(await fetchIds("idle")).toEqual(Array.from({ length: 5 }, (_, i) => `item-${5 + i}`));
    expect(await get("idle")).toEqual(Array.from({ length: 5 }, (_, i) => `item-${10 + i}`));
    agent.destroy();
  });

  it("while Kafka is away nothing looks like 'nothing new', and all works again soon after its return", async () => {
    const kafka = stack.process("kafka");
    const before = await getData(stack.gatewayUrl, "reader=outage&limit=10");
    expect(before.records).toHaveLength(10);
    kafka.kill("SIGSTOP");
    try {
      const [http1, grpc] = await Promise.all([
        fetch(`${stack.gatewayUrl}/data?reader=outage`),
        fetch(`${stack.gatewayUrl}/apispool.v1.DataReader/GetReader`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: '{"reader":"outage"}',
        }),
      ]);
      expect(await http1.json()).toMatchObject({ code: "unavailable", reason: "KAFKA_UNAVAILABLE", status: 503 });
      expect(http1.status).toBe(503);
      expect(http1.headers.get("retry-after")).not.toBeNull();
      expect(grpc.status).toBe(503);
      expect(await grpc.json()).toMatchObject({ code: "unavailable" });
    } finally {
      kafka.kill("SIGCONT");
    }
    const after = await eventually(() => getData(stack.gatewayUrl, "reader=outage&limit=10"), 15_000);
    expect(after.records.map((r) => r.id)).toEqual(Array.from({ length: 10 }, (_, i) => `item-${10 + i}`));
  }, 90_000);
});
