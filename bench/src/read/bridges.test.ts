import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { kafkaPixy } from "./pixy.js";
import { strimziBridge } from "./strimzi.js";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

const servers: http.Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => new Promise((done) => server.close(done))));
});

/** A server that answers from a list, one entry a request, and remembers what it was asked. */
async function serve(answer: (asked: Asked, url: string) => { status?: number; body?: unknown }) {
  const asked: Asked[] = [];
  const server = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const one = { method: req.method ?? "", url: req.url ?? "", body: Buffer.concat(chunks).toString() };
      asked.push(one);
      const { status = 200, body } = answer(one, url);
      res.writeHead(status, { "content-type": "application/json" });
      res.end(body === undefined ? undefined : JSON.stringify(body));
    });
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked };
}

test("a Strimzi bridge is asked for a consumer, a subscription and records, and is left without the consumer", async () => {
  const polls = [[], [record(0), record(1)], [record(2)]];
  const { url, asked } = await serve(({ method, url: path }, base) => {
    if (path === "/consumers/g" && method === "POST")
      return { body: { instance_id: "bench", base_uri: `${base}/consumers/g/instances/bench` } };
    if (path.includes("/records")) return { body: polls.shift() ?? [] };
    return { status: 204 };
  });
  const timing = await strimziBridge(url, "topic", "g", 3);
  expect(timing.records).toBe(3);
  expect(asked.map(({ method, url: path }) => `${method} ${path.replace(/\?.*/, "")}`)).toEqual([
    "POST /consumers/g",
    "POST /consumers/g/instances/bench/subscription",
    ...Array.from({ length: 3 }, () => "GET /consumers/g/instances/bench/records"),
    "DELETE /consumers/g/instances/bench",
  ]);
  expect(JSON.parse(asked[1]?.body ?? "")).toEqual({ topics: ["topic"] });
});

test("what a bridge complains of is the error", async () => {
  const { url } = await serve(() => ({ status: 409, body: { message: "no such thing" } }));
  await expect(strimziBridge(url, "topic", "g", 3)).rejects.toThrow(/answered 409: .*no such thing/);
  await expect(kafkaPixy(url, "topic", "g", 3, 1)).rejects.toThrow(/answered 409: .*no such thing/);
});

test("kafka-pixy is set to the topic's beginning and asked record by record; that nothing is new for a moment is no error", async () => {
  const answers = [408, 200, 200, 408, 200];
  const { url, asked } = await serve(({ method }) => (method === "POST" ? {} : { status: answers.shift() ?? 500 }));
  const timing = await kafkaPixy(`${url}/`, "topic", "g", 3, 2);
  expect(timing.records).toBe(3);
  expect(asked[0]).toEqual({
    method: "POST",
    url: "/topics/topic/offsets?group=g",
    body: '[{"partition":0,"offset":0},{"partition":1,"offset":0}]',
  });
  expect(asked.slice(1).every(({ url: path }) => path === "/topics/topic/messages?group=g")).toBe(true);
});

function record(offset: number): object {
  return { topic: "topic", key: `k${offset}`, value: { n: offset }, partition: 0, offset };
}
