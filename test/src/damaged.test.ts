import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Admin, Producer } from "@platformatic/kafka";
import { DataReader, type Gap, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { EnvReader } from "@apispool/common/env.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { crc32c } from "@apispool/kafka-log/crc32c.js";
import { ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { createKafka } from "@apispool/kafka-log/settings.js";
import { readerConfigFromEnv } from "@apispool/reader/config.js";
import { startReader } from "@apispool/reader/reader.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const prefix = `damaged-${randomBytes(4).toString("hex")}`;
const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const topicOf = (codec: string): string => `${prefix}-${codec}`;
const HEADER_BYTES = 61;

/** Where the broker keeps its files, as far as they can be reached from here. */
async function brokersFolders(): Promise<readonly string[]> {
  const admin = new Admin({ clientId: "damaged-test", bootstrapBrokers: brokers });
  const described = await admin.describeLogDirs({ topics: [] });
  await admin.close();
  return described.flatMap(({ results }) => results.map(({ logDir }) => logDir)).filter(existsSync);
}

const folders = await brokersFolders();
if (folders.length === 0) console.log("damaged batches are not tested: the broker's files are not on this machine");

/** The reader on a real broker whose files are damaged: a broker hands out what is on its disk as it is. */
(folders.length === 0 ? describe.skip : describe)("batches that are damaged on the broker's disk", () => {
  const kafka = createKafka({ brokers, clientId: "damaged-test", topicPrefix: prefix, log: silentLogger });
  let reader: RunningServer;

  beforeAll(async () => {
    const topics = codecs.map((codec) => ({ topic: topicOf(codec), partitions: 1, config: keptForEver }));
    await ensureTopics(kafka, brokers, topics, silentLogger);
    const env = new EnvReader({
      METRICS_ADDRESS: "off",
      KAFKA_BROKERS: brokers.join(","),
      TOPIC_PREFIX: prefix,
      READER_ADDRESS: "127.0.0.1:0",
      READER_TOPICS: `${prefix}-*`,
    });
    reader = await startReader(readerConfigFromEnv(env), silentLogger);
    env.done();
  });
  afterAll(async () => {
    await reader.stop();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: codecs.map(topicOf) });
    await admin.disconnect();
  });

  /** Four batches of three records each. */
  async function produce(topic: string, compression: (typeof codecs)[number]): Promise<void> {
    const producer = new Producer({ clientId: "damaged-test", bootstrapBrokers: brokers });
    for (const batch of ["a", "b", "c", "d"]) {
      const messages = [0, 1, 2].map((n) => {
        const value = Buffer.from(`{"v":"${batch}${n}","text":"${batch.repeat(200)}"}`);
        return { topic, partition: 0, key: Buffer.from("k"), value };
      });
      await producer.send({ compression, messages });
    }
    await producer.close();
  }

  /** Changes the second batch on disk, and the third so that its checksum is right although its content is not. */
  async function damage(topic: string): Promise<void> {
    const files = folders.map((folder) => join(folder, `${topic}-0`, "00000000000000000000.log"));
    const file = files.find(existsSync) ?? "";
    const bytes = await readFile(file);
    const starts: number[] = [];
    for (
      let at = 0;
      at + HEADER_BYTES < bytes.length && bytes.readInt32BE(at + 8) > 0;
      at += 12 + bytes.readInt32BE(at + 8)
    ) {
      starts.push(at);
    }
    expect(starts).toHaveLength(4);
    const [, second = 0, third = 0, fourth = 0] = starts;
    bytes[second + HEADER_BYTES + 20] = (bytes[second + HEADER_BYTES + 20] as number) ^ 0xff;
    bytes.fill(0xff, third + HEADER_BYTES, third + HEADER_BYTES + 8);
    bytes.writeUInt32BE(crc32c(bytes, third + 21, fourth), third + 17);
    await writeFile(file, bytes, { flag: "r+" });
  }

  it.each(codecs)("%s: are gaps that say why; what is sound is delivered, each once", async (codec) => {
    const topic = topicOf(codec);
    await produce(topic, codec);
    await damage(topic);
    const client = createClient(DataReader, createGrpcTransport({ baseUrl: `http://127.0.0.1:${reader.port}` }));
    const fetchAll = async (): Promise<{ values: string[]; gaps: Gap[] }> => {
      const values: string[] = [];
      const gaps: Gap[] = [];
      for await (const batch of client.fetchUnread({ reader: "r", sources: [topic] })) {
        gaps.push(...batch.gaps);
        for (const { payload } of batch.records) values.push((JSON.parse(String(payload.value)) as { v: string }).v);
      }
      return { values, gaps };
    };
    const { values, gaps } = await fetchAll();
    expect(values).toEqual(["a0", "a1", "a2", "d0", "d1", "d2"]);
    expect(gaps).toMatchObject([
      { source: topic, fromOffset: 3n, toOffset: 6n, reason: GapReason.UNREADABLE },
      { source: topic, fromOffset: 6n, toOffset: 9n, reason: GapReason.UNREADABLE },
    ]);
    expect(gaps.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/the checksum of the batch at offset 3 does not match/),
      expect.stringMatching(/the batch at offset 6 cannot be read: /),
    ]);
    expect(await fetchAll()).toEqual({ values: [], gaps: [] });
  });
});
