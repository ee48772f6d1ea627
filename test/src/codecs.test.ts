import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Consumer, MessagesStreamModes, Producer } from "@platformatic/kafka";
import { CompressionTypes } from "kafkajs";
import { silentLogger } from "@apispool/common/logger.js";
import { ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { createKafka } from "@apispool/kafka-log/settings.js";
import { runCommand } from "@apispool/launcher/command.js";
import { findJava } from "@apispool/launcher/java.js";
import { ensureKafkaLibs } from "@apispool/launcher/kafka-libs.js";
import { kafkaHome } from "./harness/paths.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const prefix = `codec-${randomBytes(4).toString("hex")}.`;
const settings = { brokers, clientId: "codec-test", topicPrefix: "unused", log: silentLogger };
const RECORDS = 2000;

/** Texts that compress well, and not at all, and differ in length. */
const lines = Array.from({ length: 50 }, (_, n) =>
  n % 5 === 0 ? randomBytes(20 * n + 1).toString("base64url") : `${"the same again, ".repeat(n % 37)}${n}`,
);

/** Batches as other producers write them, on a real broker. */
describe("compressed batches", () => {
  const kafka = createKafka(settings);
  const payload = join(tmpdir(), `${prefix}payload.txt`);
  let log: LogReader;
  let classPath: string;
  let java: string;
  let topics = 0;

  beforeAll(async () => {
    log = createLogReader(settings);
    await writeFile(payload, lines.join("\n"));
    const found = await findJava(process.env);
    if ("problem" in found) throw new Error(found.problem);
    java = found.command;
    classPath = join(await ensureKafkaLibs({ home: kafkaHome, tools: true, say: () => undefined }), "*");
  }, 180_000);
  afterAll(async () => {
    await log.close();
    await rm(payload, { force: true });
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: (await admin.listTopics()).filter((topic) => topic.startsWith(prefix)) });
    await admin.disconnect();
  });

  async function newTopic(): Promise<string> {
    const topic = `${prefix}${(topics += 1)}`;
    await ensureTopics(kafka, brokers, [{ topic, partitions: 1, config: keptForEver }], silentLogger);
    return topic;
  }

  async function read(topic: string, offset = 0): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    await readToEnd(log, { topic, partition: 0, offset }, (record) => records.push(record));
    return records;
  }

  /** The values as another client reads them. */
  async function readOtherwise(topic: string): Promise<(string | undefined)[]> {
    const consumer = new Consumer({ groupId: `${topic}-other`, clientId: "other", bootstrapBrokers: brokers });
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: false });
    const values: (string | undefined)[] = [];
    for await (const { value } of stream) if (values.push(value?.toString()) === RECORDS) break;
    await consumer.close(true);
    return values;
  }

  it.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "of Kafka's own producer, %s: every record is read, as another client reads it, and from the middle of a batch too",
    async (codec) => {
      const topic = await newTopic();
      const tool = ["-cp", classPath, "org.apache.kafka.tools.ProducerPerformance", "--topic", topic];
      const what = ["--num-records", String(RECORDS), "--throughput", "-1", "--payload-file", payload];
      const batches = ["batch.size=200000", "linger.ms=100", `compression.type=${codec}`];
      const how = ["--producer-props", `bootstrap.servers=${brokers.join(",")}`, ...batches];
      const { code, text } = await runCommand(java, [...tool, ...what, ...how]);
      expect([code, text]).toEqual([0, expect.stringContaining("records sent")]);
      const values = (await read(topic)).map(({ value }) => value?.toString());
      expect(values).toHaveLength(RECORDS);
      // The tool takes its lines at random.
      expect(values.filter((value) => !lines.includes(value ?? ""))).toEqual([]);
      expect(values).toEqual(await readOtherwise(topic));
      expect((await read(topic, 777)).map(({ offset }) => offset)).toEqual(
        Array.from({ length: RECORDS - 777 }, (_, i) => 777 + i),
      );
    },
  );

  it.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)("of @platformatic/kafka, %s", async (compression) => {
    const topic = await newTopic();
    const producer = new Producer({ clientId: "other", bootstrapBrokers: brokers });
    await producer.send({
      compression,
      messages: Array.from({ length: RECORDS }, (_, n) => ({
        topic,
        partition: 0,
        key: Buffer.from(`k${n}`),
        value: Buffer.from(lines[n % lines.length] as string),
        headers: new Map([[Buffer.from("h"), Buffer.from(`${n}`)]]),
      })),
    });
    await producer.close();
    const records = await read(topic);
    expect(
      records.map(({ key, value, headers }) => [key?.toString(), value?.toString(), String(headers[0]?.[1])]),
    ).toEqual(Array.from({ length: RECORDS }, (_, n) => [`k${n}`, lines[n % lines.length], `${n}`]));
  });

  it("of kafkajs, gzip", async () => {
    const topic = await newTopic();
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: lines.map((value, n) => ({ partition: 0, key: `k${n}`, value })),
    });
    await producer.disconnect();
    expect((await read(topic)).map(({ key, value }) => [key?.toString(), value?.toString()])).toEqual(
      lines.map((value, n) => [`k${n}`, value]),
    );
  });
});
