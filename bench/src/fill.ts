import { createHash } from "node:crypto";
import { Kafka, Partitioners, logLevel } from "kafkajs";
import { keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";

export interface Fill {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly records: number;
  /** Bytes of each record's value. */
  readonly bytes: number;
  readonly partitions: number;
}

/** Sends of one transaction: a page of a poll is about so large. */
const SENDS = 5;

/** Fills a new topic with records as the ingestor writes them: transactions, JSON value, id as key, CloudEvents headers. */
export async function fillTopic({ brokers, topic, records, bytes, partitions }: Fill): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "bench-fill", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = Object.entries(keptForEver).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({
    transactionalId: "bench-fill",
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { initialRetryTime: 5, maxRetryTime: 200, retries: 20 },
  });
  await producer.connect();
  const perSend = Math.max(1, Math.min(1000, Math.floor(900_000 / (bytes + 400))));
  for (let from = 0; from < records;) {
    const transaction = await producer.transaction();
    for (let send = 0; send < SENDS && from < records; send += 1) {
      const count = Math.min(perSend, records - from);
      const base = from;
      await transaction.send({
        topic,
        messages: Array.from({ length: count }, (_, i) => message(base + i, bytes, partitions)),
      });
      from += count;
    }
    await transaction.commit();
  }
  await producer.disconnect();
}

function message(n: number, bytes: number, partitions: number) {
  const id = `record-${n}`;
  const head = `{"id":"${id}","n":${n},"text":"`;
  const value = `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
  return {
    partition: n % partitions,
    key: id,
    value,
    headers: {
      [recordHeaders.specVersion]: "1.0",
      [recordHeaders.id]: id,
      [recordHeaders.source]: "http://localhost/bench",
      [recordHeaders.type]: "apispool.record.v1",
      [recordHeaders.time]: new Date(1_700_000_000_000 + n * 1000).toISOString(),
      [recordHeaders.contentType]: "application/json",
      [recordHeaders.sequence]: String(Math.floor(n / partitions) + 1),
      [recordHeaders.hash]: createHash("sha256").update(value).digest("hex"),
    },
  };
}
