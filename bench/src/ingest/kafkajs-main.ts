import { createHash } from "node:crypto";
import { Kafka, Partitioners, logLevel } from "kafkajs";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import { idOf, recordText } from "./records.js";

/*
 * kafkajs alone, in a process of its own: node kafkajs-main.js BROKERS TOPIC RECORDS BYTES. Produces what the ingestor
 * produces (keys, values and headers) from memory, idempotently, a thousand records a send, and
 * prints the seconds, and those of the processor.
 */
const [brokers = "", topic = "", count = "", bytes = ""] = process.argv.slice(2);
const PER_SEND = 1000;

const messages = Array.from({ length: Number(count) }, (_, n) => {
  const value = Buffer.from(recordText(n, Number(bytes)));
  return {
    partition: 0,
    key: idOf(n),
    value,
    headers: {
      [recordHeaders.specVersion]: "1.0",
      [recordHeaders.id]: idOf(n),
      [recordHeaders.source]: "http://127.0.0.1/pages",
      [recordHeaders.type]: "apispool.record.v1",
      [recordHeaders.contentType]: "application/json",
      [recordHeaders.sequence]: String(n + 1),
      [recordHeaders.hash]: createHash("sha256").update(value).digest("hex").slice(0, 32),
    },
  };
});
const kafka = new Kafka({ brokers: brokers.split(","), clientId: "bench-kafkajs", logLevel: logLevel.ERROR });
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner: Partitioners.DefaultPartitioner,
});
await producer.connect();
const started = performance.now();
const before = process.cpuUsage();
for (let from = 0; from < messages.length; from += PER_SEND) {
  await producer.send({ topic, acks: -1, messages: messages.slice(from, from + PER_SEND) });
}
const { user, system } = process.cpuUsage(before);
console.log(`${(performance.now() - started) / 1000} ${(user + system) / 1e6}`);
await producer.disconnect();
