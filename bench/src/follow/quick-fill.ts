import { Kafka, type Message } from "kafkajs";
import { silentLogger } from "@apispool/common/logger.js";
import { createCluster, createEncoder } from "@apispool/kafka-log/kafkajs-internals.js";
import { encodeRecordBatch } from "@apispool/kafka-log/record-batch-writer.js";
import { kafkaConfig } from "@apispool/kafka-log/settings.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";

const PRODUCE = 0;
const PRODUCE_VERSION = 7;
const PER_BATCH = 1000;
const MOST_UNDER_WAY = 8;

/**
 * Fills a new topic as fast as Kafka takes it: one batch of records, as the ingestor writes them, over and over. The
 * broker gives them their offsets; that their ids repeat is nothing to who reads them.
 */
export async function quickFill(options: {
  brokers: string;
  topic: string;
  records: number;
  bytes: number;
}): Promise<void> {
  const { brokers, topic, records, bytes } = options;
  const config = kafkaConfig({
    brokers: brokers.split(","),
    clientId: "bench-fill",
    topicPrefix: "apispool",
    log: silentLogger,
  });
  const admin = new Kafka(config).admin();
  await admin.connect();
  const configEntries = [{ name: "retention.ms", value: "-1" }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true });
  await admin.disconnect();
  const cluster = createCluster(config);
  await cluster.connect();
  await cluster.addMultipleTargetTopics([topic]);
  await cluster.refreshMetadata();
  const [nodeId = 0] = cluster.getNodeIds();
  const broker = await cluster.findBroker({ nodeId });
  const underWay = new Set<Promise<void>>();
  const whole = batchOf(PER_BATCH, bytes);
  for (let left = records; left > 0; left -= PER_BATCH) {
    const batch = left >= PER_BATCH ? whole : batchOf(left, bytes);
    const sending: Promise<void> = broker.connectionPool
      .send({
        requestTimeout: 60_000,
        request: {
          apiKey: PRODUCE,
          apiVersion: PRODUCE_VERSION,
          apiName: "Produce",
          encode: async () =>
            createEncoder()
              .writeString(null)
              .writeInt16(1)
              .writeInt32(60_000)
              .writeInt32(1)
              .writeString(topic)
              .writeInt32(1)
              .writeInt32(0)
              .writeInt32(batch.length)
              .writeBuffer(batch),
        },
        // One topic, one partition: what comes behind both is its error.
        response: {
          decode: async (payload) => ({ error: payload.readInt16BE(4 + 2 + Buffer.byteLength(topic) + 4 + 4) }),
          parse: async (answer) => {
            if (answer.error !== 0) throw new Error(`Kafka refused a batch with its error ${answer.error}`);
            return answer;
          },
        },
      })
      .then(() => void underWay.delete(sending));
    underWay.add(sending);
    if (underWay.size >= MOST_UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await cluster.disconnect();
}

function batchOf(count: number, bytes: number): Buffer {
  const messages = Array.from({ length: count }, (_, n): Message => {
    const head = `{"id":"record-${n}","n":${n},"text":"`;
    return {
      key: `record-${n}`,
      value: `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`,
      headers: {
        [recordHeaders.specVersion]: "1.0",
        [recordHeaders.id]: `record-${n}`,
        [recordHeaders.source]: "http://localhost/bench",
        [recordHeaders.type]: "apispool.record.v1",
        [recordHeaders.contentType]: "application/json",
        [recordHeaders.sequence]: String(n + 1),
        [recordHeaders.hash]: "0".repeat(64),
      },
    };
  });
  return encodeRecordBatch(messages, {
    transactional: false,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    now: Date.now(),
  });
}
