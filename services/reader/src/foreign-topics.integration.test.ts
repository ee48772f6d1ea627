import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Message } from "kafkajs";
import { expireRecords } from "@apispool/kafka-log/testing/expire-records.js";
import { AckMode, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { silentLogger } from "@apispool/common/logger.js";
import { ensureTopics } from "@apispool/kafka-log/ensure-topics.js";
import { Harness, numbers } from "./testing/harness.js";

/** The payload as text, whatever it is: `json:…`, `binary:<hex>`, or `none`. */
function shown({ payload }: DataRecord): string {
  if (payload.case === "json") return `json:${payload.value}`;
  return payload.case === "binary" ? `binary:${Buffer.from(payload.value).toString("hex")}` : "none";
}

const failure = async (call: Promise<unknown>): Promise<ConnectError> =>
  await call.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => ConnectError.from(error),
  );

describe("topics that Apispool did not write", () => {
  let harness: Harness;
  let orders: string;
  let clicks: string;

  beforeEach(async () => {
    harness = await Harness.start({
      busyWaitMs: 300,
      topics: (prefix) => [
        { source: "orders", topic: `${prefix}.orders` },
        { source: "clicks", topic: `${prefix}.web.clicks.v1` },
      ],
    });
    orders = `${harness.prefix}.orders`;
    clicks = `${harness.prefix}.web.clicks.v1`;
  });
  afterEach(() => harness.stop());

  async function create(topic: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
    await ensureTopics(harness.kafka, harness.brokers, [{ topic, partitions, config }], silentLogger);
  }

  async function produce(topic: string, messages: readonly Message[]): Promise<void> {
    const producer = harness.kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: messages.map((message) => ({ partition: 0, ...message })) });
    await producer.disconnect();
  }

  const eventually = async (check: () => Promise<boolean>, ms = 20_000): Promise<void> => {
    for (const end = Date.now() + ms; !(await check());) {
      if (Date.now() > end) throw new Error(`it did not come to be so within ${ms} ms: ${check.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  it("are sources like the others: read, sought, reported, deleted; what is unread of them is an estimate", async () => {
    await create(orders, 2);
    await create(clicks);
    await harness.topic("quakes");
    await harness.write("quakes", numbers(3));
    await produce(orders, [{ value: "{}" }, { value: "[]", partition: 1 }]);
    await produce(clicks, [{ value: "1" }]);
    const first = await harness.fetch({ ack: AckMode.MANUAL });
    expect(new Set(first.records.map(({ source }) => source))).toEqual(new Set(["quakes", "orders", "clicks"]));
    expect(first.records).toHaveLength(6);
    const { reader } = await harness.client.getReader({});
    expect(reader).toMatchObject({ unread: 6n, unreadIsEstimate: true });
    expect((await harness.client.listReaders({})).readers).toMatchObject([{ name: "default", unreadIsEstimate: true }]);
    await harness.client.acknowledge({ cursor: first.cursor });
    expect((await harness.client.getReader({})).reader).toMatchObject({ unread: 0n, unreadIsEstimate: false });
    expect(await harness.values()).toEqual([]);

    await harness.client.seek({ to: { case: "earliest", value: {} }, sources: ["clicks"] });
    expect((await harness.fetch()).records.map(shown)).toEqual(["json:1"]);
    const positions = [{ source: "orders", partition: 1, offset: 0n }];
    await harness.client.seek({ to: { case: "offsets", value: { positions } } });
    expect((await harness.fetch({ sources: ["orders"] })).records.map(shown)).toEqual(["json:[]"]);
    await harness.client.deleteReader({ reader: "default" });
    expect((await harness.fetch()).records).toHaveLength(6);

    await harness.client.seek({ to: { case: "earliest", value: {} } });
    await expireRecords(harness.kafka, clicks, 1);
    const { batches } = await harness.fetch({ sources: ["clicks"] });
    expect(batches.flatMap(({ gaps }) => gaps)).toMatchObject([
      { source: "clicks", fromOffset: 0n, toOffset: 1n, reason: GapReason.EXPIRED },
    ]);
  });

  it("may hold anything: binary and no values, binary and no keys, headers of every kind, any time", async () => {
    await create(orders, 1, { "message.timestamp.after.max.ms": "9223372036854775807" });
    const dup = [Buffer.from("first"), Buffer.from("last")] as unknown as Buffer;
    await produce(orders, [
      { key: "a", value: '{"n":1}', headers: { "content-type": "application/json" } },
      { key: "deleted", value: null },
      { key: null, value: Buffer.from([0, 255, 1]) },
      { key: Buffer.from([255, 254]), value: "" },
      { key: "", value: "null" },
      { value: "plain text", headers: { dup, empty: "", binary: Buffer.from([255]), é: "ü" } },
      { value: '{"n":1', headers: { "content-type": "application/json" } },
      { key: "micros", value: "1", timestamp: "1700000000000000" },
      { key: "mine", value: "2", headers: { ce_id: "other", ce_time: "yesterday", "apispool-seq": "x" } },
    ]);
    const { records } = await harness.fetch({ sources: ["orders"] });
    expect(records.map((record) => [record.id, shown(record)])).toEqual([
      ["a", 'json:{"n":1}'],
      ["deleted", "none"],
      ["", "binary:00ff01"],
      ["//4=", "binary:"],
      ["", "json:null"],
      ["", `binary:${Buffer.from("plain text").toString("hex")}`],
      ["", `binary:${Buffer.from('{"n":1').toString("hex")}`],
      ["micros", "json:1"],
      ["other", "json:2"],
    ]);
    expect(records[5]?.headers).toEqual({ dup: "last", empty: "", binary: "/w==", é: "ü" });
    expect(records[7]?.ingestedAt).toBeUndefined();
    expect(records[8]).toMatchObject({ headers: { ce_id: "other", ce_time: "yesterday" } });
    expect(records[8]?.eventTime).toBeUndefined();
    expect(records[0]?.ingestedAt).toBeDefined();
    // A filter sees the same.
    const ids = async (init: Parameters<Harness["fetch"]>[0]) =>
      (await harness.fetch({ reader: "f", ack: AckMode.MANUAL, ...init })).records.map(({ offset }) => Number(offset));
    expect(await ids({ keys: ["deleted", "a"] })).toEqual([0, 1]);
    expect(await ids({ headers: { dup: "first" } })).toEqual([5]);
    expect(await ids({ headers: { empty: "" } })).toEqual([5]);
    expect(await ids({ where: "n == `1`" })).toEqual([0]);
  });

  it("are read as far as no transaction of theirs is open, without what was aborted, and to their end", async () => {
    await create(clicks);
    const [one, two] = await Promise.all(
      ["one", "two"].map(async (name) => {
        const producer = harness.kafka.producer({
          transactionalId: `${clicks}.${name}`,
          maxInFlightRequests: 1,
          idempotent: true,
          retry: { initialRetryTime: 5, maxRetryTime: 100 },
        });
        await producer.connect();
        return producer;
      }),
    );
    const [first, second] = await Promise.all([one?.transaction(), two?.transaction()]);
    await first?.send({ topic: clicks, messages: [{ partition: 0, value: "1" }] });
    await second?.send({ topic: clicks, messages: [{ partition: 0, value: "666" }] });
    await produce(clicks, [{ value: "2" }]);
    expect(await harness.values({ sources: ["clicks"] })).toEqual([]);
    await second?.abort();
    expect(await harness.values({ sources: ["clicks"] })).toEqual([]);
    await first?.commit();
    expect(await harness.values({ sources: ["clicks"] })).toEqual(["1", "2"]);
    const third = await one?.transaction();
    await third?.send({ topic: clicks, messages: [{ partition: 0, value: "667" }] });
    await third?.abort();
    expect(await harness.values({ sources: ["clicks"] })).toEqual([]);
    await Promise.all([one?.disconnect(), two?.disconnect()]);
    await eventually(async () => (await harness.client.getReader({})).reader?.unread === 0n);
  });

  it("have the broker's times where they are kept so", async () => {
    await create(orders, 1, { "message.timestamp.type": "LogAppendTime" });
    const before = Math.floor(Date.now() / 1000) - 60;
    await produce(orders, [
      { value: "1", timestamp: "1000" },
      { value: "2", timestamp: "2000" },
    ]);
    const { records } = await harness.fetch({ sources: ["orders"] });
    expect(records.map(({ ingestedAt }) => Number(ingestedAt?.seconds) > before)).toEqual([true, true]);
  });

  it("that are compacted are read although offsets are missing", async () => {
    await create(orders, 1, {
      "cleanup.policy": "compact",
      "segment.ms": "100",
      "min.cleanable.dirty.ratio": "0.01",
      "delete.retention.ms": "0",
      "min.compaction.lag.ms": "0",
    });
    for (let round = 0; round < 4; round += 1) {
      await produce(
        orders,
        ["a", "b", "gone"].map((key) => ({ key, value: key === "gone" && round > 1 ? null : `${round}` })),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await produce(orders, [{ key: "end", value: "9" }]);
    const read = async (reader: string) =>
      (await harness.fetch({ reader, sources: ["orders"] })).records.map((r) => `${r.offset}:${r.id}:${shown(r)}`);
    const before = await read("before");
    expect(before).toHaveLength(13);
    // The log cleaner comes round every 15 seconds.
    let after: readonly string[] = [];
    let readers = 0;
    await eventually(async () => (after = await read(`after-${(readers += 1)}`)).length < 8, 100_000);
    expect(before).toEqual(expect.arrayContaining([...after]));
    expect(after.at(-1)).toBe("12:end:json:9");
    expect(await read("before")).toEqual([]);
    const { reader } = await harness.client.getReader({ reader: "before" });
    expect(reader?.unread).toBe(0n);
  }, 150_000);

  it("that are not there yet are said to be missing by name, and read as soon as they are there", async () => {
    await harness.topic("quakes");
    await create(orders);
    const error = await failure(harness.values({ sources: ["clicks"] }));
    expect([error.code, reasonOf(error)]).toEqual([Code.NotFound, "UNKNOWN_SOURCE"]);
    expect(error.rawMessage).toMatch(
      /unknown: "clicks"; known: "quakes", "orders"; "clicks": its topic ".*web\.clicks\.v1" \(READER_TOPICS\) does not exist/,
    );
    const sought = await failure(harness.client.seek({ to: { case: "latest", value: {} }, sources: ["clicks"] }));
    expect(sought.rawMessage).toMatch(/does not exist in Kafka/);
    // An empty one, and what comes later, into a stream that is open.
    expect(await harness.values()).toEqual([]);
    const gone = new AbortController();
    const seen: string[] = [];
    const tail = (async () => {
      for await (const { records } of harness.client.fetchUnread({ follow: true }, { signal: gone.signal })) {
        seen.push(...records.map((record) => `${record.source} ${shown(record)}`));
      }
    })();
    await create(clicks);
    await produce(clicks, [{ value: "7" }]);
    await eventually(async () => Promise.resolve(seen.length > 0));
    gone.abort();
    await expect(tail).rejects.toThrow();
    expect(seen).toEqual(["clicks json:7"]);
    expect((await harness.fetch({ reader: "new", sources: ["clicks"] })).records).toHaveLength(1);
  });

  it("do not take the name of one of Apispool's own", async () => {
    await create(orders);
    await harness.topic("orders");
    await produce(orders, [{ value: "666" }]);
    await harness.write("orders", numbers(2));
    expect(await harness.values()).toEqual(numbers(2));
  });
});
