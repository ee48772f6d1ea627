import { randomBytes } from "node:crypto";
import { Code, ConnectError, type Transport, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { EnvReader } from "@apispool/common/env.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { gatewayConfigFromEnv } from "@apispool/gateway/config.js";
import { startGateway } from "@apispool/gateway/gateway.js";
import { ensureTopics } from "@apispool/kafka-log/ensure-topics.js";
import { createKafka } from "@apispool/kafka-log/settings.js";
import { readerConfigFromEnv } from "@apispool/reader/config.js";
import { startReader } from "@apispool/reader/reader.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const prefix = `topics-${randomBytes(4).toString("hex")}`;
const topic = `${prefix}-orders`;
const RECORDS = 300;

/** A topic that others write, from the setting to every protocol of the gateway. */
describe("a topic of others, through the gateway", () => {
  const kafka = createKafka({ brokers, clientId: "topics-test", topicPrefix: prefix, log: silentLogger });
  const running: RunningServer[] = [];
  let url: string;

  beforeAll(async () => {
    await ensureTopics(kafka, brokers, [{ topic, partitions: 2, config: {} }], silentLogger);
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: RECORDS }, (_, n) => ({
      partition: n % 2,
      key: `k${n % 10}`,
      value: n % 10 === 9 ? null : `{"n": ${n}, "big": 12345678901234567890}`,
      headers: { kind: n % 3 === 0 ? "third" : "other" },
    }));
    await producer.send({ topic, messages: [...messages, { partition: 0, key: "odd", value: "null" }] });
    await producer.send({ topic, messages: [{ partition: 0, key: "odd", value: Buffer.from([255, 0]) }] });
    await producer.disconnect();
    const env = new EnvReader({
      METRICS_ADDRESS: "off",
      KAFKA_BROKERS: brokers.join(","),
      TOPIC_PREFIX: prefix,
      READER_ADDRESS: "127.0.0.1:0",
      READER_TOPICS: `orders=${topic}`,
    });
    const reader = await startReader(readerConfigFromEnv(env), silentLogger);
    env.done();
    running.push(reader);
    const gatewayEnv = new EnvReader({ METRICS_ADDRESS: "off", PORT: "0", READER_ADDRESS: `127.0.0.1:${reader.port}` });
    const gateway = await startGateway(gatewayConfigFromEnv(gatewayEnv), silentLogger);
    gatewayEnv.done();
    running.unshift(gateway);
    url = `http://127.0.0.1:${gateway.port}`;
  });
  afterAll(async () => {
    for (const server of running) await server.stop();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
  });

  interface Answer {
    readonly records: readonly { id: string; offset: number; data?: unknown; binary?: string; tombstone?: boolean }[];
    readonly cursor: string;
  }
  const get = async (query: Record<string, string>, more = ""): Promise<Answer> => {
    const response = await fetch(`${url}/data?${new URLSearchParams(query).toString()}${more}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
    return (await response.json()) as Answer;
  };

  it("shows tombstones, null, text and bytes as what they are", async () => {
    const tombstone = await get({ reader: "limited", limit: "1" }, "&key=k9");
    expect(tombstone.records).toMatchObject([{ id: "k9", data: null, tombstone: true }]);
    const odd = await get({ reader: "json" }, "&key=odd");
    expect(odd.records.map(({ data, binary, tombstone: is }) => [data, binary, is])).toEqual([
      [null, undefined, undefined],
      [undefined, "/wA=", undefined],
    ]);
    const lines = await (
      await fetch(`${url}/data?reader=nd&key=k9&key=odd`, { headers: { accept: "application/x-ndjson" } })
    ).text();
    const tombstones = lines.split("\n").filter((line) => line.endsWith('"data":null,"tombstone":true}'));
    expect([lines.trim().split("\n").length, tombstones.length]).toEqual([RECORDS / 10 + 2, RECORDS / 10]);
  });

  it("is filtered by GET and by POST, and what was dropped never comes again", async () => {
    const where = "n > `200` && n < `206`";
    const got = await get({ reader: "get", where });
    expect(new Set(got.records.map(({ data }) => (data as { n: number }).n))).toEqual(
      new Set([201, 202, 203, 204, 205]),
    );
    expect((await get({ reader: "get" })).records).toEqual([]);
    const body = JSON.stringify({ reader: "post", keys: ["k3", "k6"], headers: { kind: "third" } });
    const headers = { "content-type": "application/json" };
    const posted = (await (await fetch(`${url}/data`, { method: "POST", headers, body })).json()) as Answer;
    expect(posted.records).toHaveLength(
      Array.from({ length: RECORDS }, (_, n) => n).filter((n) => n % 3 === 0 && (n % 10 === 3 || n % 10 === 6)).length,
    );
    expect((await get({ reader: "post" })).records).toEqual([]);
    // Nothing passes: that counts as read, too.
    expect((await get({ reader: "none" }, "&header=kind:fourth")).records).toEqual([]);
    expect((await get({ reader: "none" })).records).toEqual([]);
    // The bytes are the producer's.
    const text = await (await fetch(`${url}/data?reader=bytes&where=n%3D%3D%607%60`)).text();
    expect(text).toContain('"data":{"n": 7, "big": 12345678901234567890}}');
  });

  it("says what is wrong with a filter, by name", async () => {
    const response = await fetch(`${url}/data?where=a..b&reader=bad`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_argument",
      errors: [{ field: "where", problem: expect.stringMatching(/wrong at character 3/) as unknown }],
    });
  });

  const transports: readonly (readonly [string, () => Transport])[] = [
    ["gRPC", () => createGrpcTransport({ baseUrl: url })],
    ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: url, httpVersion: "2" })],
    ["Connect", () => createConnectTransport({ baseUrl: url, httpVersion: "1.1" })],
  ];
  it.each(transports)("hands filters on over %s, and acknowledges what they drop", async (name, transport) => {
    const client = createClient(DataReader, transport());
    const fetchAll = async (init: Parameters<typeof client.fetchUnread>[0]): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { records } of client.fetchUnread({ reader: `rpc-${name}`, ...init })) {
        ids.push(...records.map(({ id, payload }) => `${id} ${payload.case ?? "none"}`));
      }
      return ids;
    };
    const keys = { reader: `rpc-${name}-keys`, keys: ["k9"], headers: { kind: "third" } };
    expect(await fetchAll({ ...keys, limit: 2n })).toEqual(["k9 none", "k9 none"]);
    expect(await fetchAll(keys)).toHaveLength(8);
    expect(await fetchAll({ where: "n == `299` || n == `298`" })).toEqual(["k8 json"]);
    expect(await fetchAll({})).toEqual([]);
    const error = await fetchAll({ where: "(" }).catch((failure: unknown) => ConnectError.from(failure));
    expect([(error as ConnectError).code, (error as ConnectError).rawMessage]).toEqual([
      Code.InvalidArgument,
      expect.stringMatching(/^where: is no JMESPath: wrong at its end/),
    ]);
  });
});
