import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Admin, Kafka } from "kafkajs";
import { silentLogger } from "@apispool/common/logger.js";
import { ensurePartitions } from "./ensure-partitions.js";
import { ensureTopics } from "./ensure-topics.js";
import { createLogReader } from "./kafkajs-log-reader.js";
import { createKafka } from "./settings.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const topic = `partitions-${randomBytes(4).toString("hex")}`;
const settings = { brokers, clientId: "partitions-test", topicPrefix: "unused", log: silentLogger };

/** Of a user who may not alter topics. */
function unprivileged(kafka: Kafka): Kafka {
  const admin = (): Admin => ({
    ...kafka.admin(),
    createPartitions: async () =>
      Promise.reject(Object.assign(new Error("Not authorized"), { type: "TOPIC_AUTHORIZATION_FAILED" })),
  });
  return Object.assign(Object.create(kafka) as Kafka, { admin });
}

describe("the number of a topic's partitions", () => {
  const kafka = createKafka(settings);
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (context: unknown) => void warnings.push(context) } as typeof silentLogger;

  beforeAll(async () => ensureTopics(kafka, brokers, [{ topic, partitions: 1, config: {} }], silentLogger));
  afterAll(async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
  });

  it("stays as it is where that is not allowed, and a warning says so", async () => {
    expect(await ensurePartitions(unprivileged(kafka), brokers, topic, 3, log)).toBe(1);
    expect(warnings).toEqual([{ topic, partitions: 1, wanted: 3, err: expect.stringContaining("Not authorized") }]);
  });

  it("is raised by several at the same time, and never lowered; offsets can be committed there at once", async () => {
    const both = [0, 1].map(async () => ensurePartitions(kafka, brokers, topic, 3, log));
    expect(await Promise.all(both)).toEqual([3, 3]);
    expect(await ensurePartitions(kafka, brokers, topic, 2, log)).toBe(3);
    const reader = createLogReader(settings);
    try {
      const entry = { topic, partition: 2, offset: 0, metadata: "m" };
      expect(await reader.commit(topic, [entry])).toBe(true);
      // One that is not there can be asked for, as those can that other processes may know of.
      expect(await reader.committed(topic, [entry, { topic, partition: 9 }])).toEqual([entry]);
      await reader.deleteGroup(topic);
    } finally {
      await reader.close();
    }
  });
});
