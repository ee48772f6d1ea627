import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { recordHeaders } from "@apispool/kafka-log/topics.js";

export interface Fill {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly records: number;
  /** Bytes of each record's value. */
  readonly bytes: number;
}

/** Fills a new topic with records as the ingestor writes them: JSON value, id as key, CloudEvents headers. */
export async function fillTopic({ brokers, topic, records, bytes }: Fill): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "bench-fill", logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const perSend = Math.max(1, Math.min(1000, Math.floor(900_000 / (bytes + 200))));
  for (let from = 0; from < records; from += perSend) {
    const messages = Array.from({ length: Math.min(perSend, records - from) }, (_, i) => message(from + i, bytes));
    await producer.send({ topic, messages, acks: -1, compression: CompressionTypes.None });
  }
  await producer.disconnect();
}

function message(n: number, bytes: number) {
  const id = `record-${n}`;
  const head = `{"id":"${id}","n":${n},"text":"`;
  return {
    partition: 0,
    key: id,
    value: `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`,
    headers: {
      [recordHeaders.specVersion]: "1.0",
      [recordHeaders.id]: id,
      [recordHeaders.source]: "http://localhost/bench",
      [recordHeaders.type]: "apispool.record.v1",
      [recordHeaders.contentType]: "application/json",
      [recordHeaders.sequence]: String(n + 1),
    },
  };
}
