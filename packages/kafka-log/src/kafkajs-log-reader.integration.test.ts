import { randomBytes } from "node:crypto";
import net from "node:net";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { CompressionTypes, type Kafka } from "kafkajs";
import { silentLogger } from "@apispool/common/logger.js";
import { ensureTopics, keptForEver } from "./ensure-topics.js";
import { createLogReader } from "./kafkajs-log-reader.js";
import type { FetchedPartition, LogReader } from "./log-reader.js";
import { readToEnd } from "./read-to-end.js";
import { createKafka } from "./settings.js";
import { expireRecords } from "./testing/expire-records.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const prefix = `log-${randomBytes(4).toString("hex")}.`;
const settings = { brokers, clientId: "log-reader-test", topicPrefix: "unused", log: silentLogger };
const limits = { maxBytes: 10_000_000, maxBytesPerPartition: 10_000_000, maxWaitMs: 0 };

describe("reading Kafka by offset", () => {
  let kafka: Kafka;
  let log: LogReader;
  let topics = 0;

  beforeAll(() => {
    kafka = createKafka(settings);
    log = createLogReader(settings);
  });
  afterAll(async () => {
    await log.close();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: (await admin.listTopics()).filter((t) => t.startsWith(prefix)) });
    await admin.disconnect();
  });

  async function newTopic(partitions = 1, config: Record<string, string> = keptForEver): Promise<string> {
    const topic = `${prefix}${(topics += 1)}`;
    await ensureTopics(kafka, brokers, [{ topic, partitions, config }], silentLogger);
    return topic;
  }

  async function produce(
    topic: string,
    values: readonly (string | null)[],
    compression = CompressionTypes.None,
  ): Promise<void> {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({
      topic,
      compression,
      messages: values.map((value) => ({ partition: 0, key: `k-${value}`, value, headers: { h: `é-${value}` } })),
    });
    await producer.disconnect();
  }

  async function fetchOne(topic: string, offset: number): Promise<FetchedPartition> {
    const [answer] = await log.fetch([{ topic, partition: 0, offset }], limits);
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  const values = (fetched: FetchedPartition): (string | undefined)[] => fetched.records.map((r) => r.value?.toString());

  it("gives records as they were written: keys, values, headers, nulls, times", async () => {
    const topic = await newTopic();
    const before = Date.now();
    await produce(topic, ["a", null, "c"]);
    const fetched = await fetchOne(topic, 0);
    expect(fetched).toMatchObject({
      nextOffset: 3,
      lastStableOffset: 3,
      highWatermark: 3,
      logStartOffset: 0,
      unreadable: [],
    });
    expect(fetched.records.map((r) => [r.offset, r.key?.toString(), r.value?.toString() ?? null])).toEqual([
      [0, "k-a", "a"],
      [1, "k-null", null],
      [2, "k-c", "c"],
    ]);
    expect(fetched.records[0]?.headers.map(([n, v]) => [n, v?.toString()])).toEqual([["h", "é-a"]]);
    expect(Math.abs((fetched.records[0]?.timestampMs ?? 0) - before)).toBeLessThan(60_000);
  });

  it("begins at the offset asked for, inside a batch too, and reads gzip", async () => {
    const topic = await newTopic();
    await produce(topic, ["0", "1", "2", "3"], CompressionTypes.GZIP);
    expect(values(await fetchOne(topic, 2))).toEqual(["2", "3"]);
  });

  it("never shows aborted records, even where two aborted transactions overlap, and passes over their markers", async () => {
    const topic = await newTopic();
    const producers = await Promise.all(
      ["a", "b", "c"].map(async (name) => {
        const producer = kafka.producer({
          transactionalId: `${topic}-${name}`,
          maxInFlightRequests: 1,
          idempotent: true,
          retry: { initialRetryTime: 5, retries: 20 },
        });
        await producer.connect();
        return producer;
      }),
    );
    const [a, b, c] = await Promise.all(producers.map(async (p) => p.transaction()));
    const write = async (t: typeof a, value: string): Promise<void> => {
      await t?.send({ topic, messages: [{ partition: 0, value }] });
    };
    await write(a, "a-aborted-0");
    await write(b, "b-aborted-0");
    await write(c, "c-committed-0");
    await write(a, "a-aborted-1");
    await b?.abort();
    await write(a, "a-aborted-2");
    await c?.commit();
    // The first transaction is still open: nothing behind it is stable yet.
    const early = await fetchOne(topic, 0);
    expect(early).toMatchObject({ records: [], nextOffset: 0, lastStableOffset: 0 });
    await a?.abort();
    await Promise.all(producers.map(async (p) => p.disconnect()));
    await produce(topic, ["plain"]);
    const seen: unknown[] = [];
    const end = await readToEnd(log, { topic, partition: 0, offset: 0 }, (r) => seen.push(r.value?.toString()));
    expect(seen).toEqual(["c-committed-0", "plain"]);
    expect(end).toBe(9); // 5 + 3 markers + 1
  });

  it("reads to the end of a log whose tail is markers only", async () => {
    const topic = await newTopic();
    const producer = kafka.producer({ transactionalId: `${topic}-t`, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, value: "x" }] });
    await transaction.commit();
    await producer.disconnect();
    const seen: number[] = [];
    expect(await readToEnd(log, { topic, partition: 0, offset: 0 }, (r) => seen.push(r.offset))).toBe(2);
    expect(seen).toEqual([0]);
    expect(await fetchOne(topic, 1)).toMatchObject({ records: [], nextOffset: 2 });
  });

  it("tells what was deleted, and what never was, instead of going elsewhere in silence", async () => {
    const topic = await newTopic();
    await produce(topic, ["0", "1", "2", "3"]);
    await expireRecords(kafka, topic, 3);
    expect(await fetchOne(topic, 1)).toMatchObject({
      outOfRange: "expired",
      records: [],
      nextOffset: 3,
      logStartOffset: 3,
    });
    expect(await fetchOne(topic, 99)).toMatchObject({ outOfRange: "truncated", records: [], nextOffset: 4 });
    expect(values(await fetchOne(topic, 3))).toEqual(["3"]);
  });

  it("gives a record that is larger than the limit, alone", async () => {
    const topic = await newTopic();
    await produce(topic, ["x".repeat(300_000)]);
    await produce(topic, ["y"]);
    const [fetched] = await log.fetch([{ topic, partition: 0, offset: 0 }], {
      maxBytes: 1000,
      maxBytesPerPartition: 1000,
      maxWaitMs: 0,
    });
    expect(fetched?.records.map((r) => r.value?.length)).toEqual([300_000]);
  });

  it("finds offsets by place and time", async () => {
    const topic = await newTopic(2);
    await produce(topic, ["0", "1"]);
    const middle = Date.now() + 50;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await produce(topic, ["2"]);
    const partitions = [0, 1].map((partition) => ({ topic, partition }));
    const offsets = async (at: Parameters<LogReader["offsetsAt"]>[0]): Promise<number[]> =>
      (await log.offsetsAt(at, partitions)).map((p) => p.offset);
    expect(await offsets("earliest")).toEqual([0, 0]);
    expect(await offsets("latest")).toEqual([3, 0]);
    expect(await offsets({ timestampMs: middle })).toEqual([2, 0]);
    expect(await offsets({ timestampMs: Date.now() + 100_000 })).toEqual([3, 0]);
  });

  it("commits as a simple consumer, and forgets", async () => {
    const topic = await newTopic();
    const group = `${prefix}group`;
    const at = { topic, partition: 0 };
    expect(await log.committed(group, [at])).toEqual([]);
    await log.commit(group, [{ ...at, offset: 5, metadata: '{"n":1}' }]);
    expect(await log.committed(group, [at])).toEqual([{ ...at, offset: 5, metadata: '{"n":1}' }]);
    expect(await log.groups(prefix)).toEqual([group]);
    expect(await log.deleteGroup(group)).toBe(true);
    expect(await log.deleteGroup(group)).toBe(false);
    expect(await log.groups(prefix)).toEqual([]);
  });

  it("tells a topic that was made again from the one before", async () => {
    const topic = await newTopic();
    const before = (await log.topics(topic))[0]?.topicId;
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    await admin.disconnect();
    const after = (await log.topics(topic))[0]?.topicId;
    expect(before).toMatch(/^[0-9a-f]{32}$/);
    expect(after).toMatch(/^[0-9a-f]{32}$/);
    expect(after).not.toBe(before);
  });

  it("waits for the first record in a long poll, and lets go at once when told", async () => {
    const topic = await newTopic();
    const waiting = log.fetch([{ topic, partition: 0, offset: 0 }], { ...limits, maxWaitMs: 20_000 });
    await produce(topic, ["now"]);
    expect((await waiting)[0]?.records.length).toBe(1);
    const abort = new AbortController();
    const idle = log.fetch([{ topic, partition: 0, offset: 1 }], {
      ...limits,
      maxWaitMs: 20_000,
      signal: abort.signal,
    });
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(idle).rejects.toThrow("enough");
  });

  it("says that a topic is not there", async () => {
    await expect(fetchOne(`${prefix}nothing`, 0)).rejects.toMatchObject({ code: Code.NotFound });
  });

  it("says UNAVAILABLE when nobody listens, and mends itself when connections break", async () => {
    const nobody = createLogReader({ ...settings, brokers: ["127.0.0.1:1"], retryForMs: 300 });
    await expect(nobody.ping()).rejects.toMatchObject({ code: Code.Unavailable });
    await nobody.close();

    const sockets: net.Socket[] = [];
    const socketFactory = ({
      host,
      port,
      onConnect,
    }: {
      host: string;
      port: number;
      onConnect: () => void;
    }): net.Socket => {
      const socket = net.connect({ host, port }, onConnect);
      sockets.push(socket);
      return socket;
    };
    const cut = createLogReader({ ...settings, socketFactory });
    await cut.ping();
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    for (const socket of sockets) socket.destroy(reset);
    await cut.ping();
    await cut.close();
  });
});
