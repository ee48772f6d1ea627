import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, Partitioners, type Producer, logLevel } from "kafkajs";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import { Latencies, type LatencySummary } from "./latencies.js";
import { stampedValue } from "./stamp.js";

/** The time from one look at what is due to the next, in milliseconds. */
const TICK_MS = 2;
const MOST_UNDER_WAY = 16;

export interface Written {
  readonly records: number;
  readonly seconds: number;
  /** What a send took until Kafka had it. */
  readonly acknowledged: LatencySummary;
}

/** Writes records at a steady rate, with the headers that the ingestor gives them. */
export class PacedWriter {
  readonly #producer: Producer;
  readonly #topic: string;
  #sequence = 0;

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  static async start(brokers: string, topic: string): Promise<PacedWriter> {
    const kafka = new Kafka({ brokers: brokers.split(","), clientId: "bench-writer", logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    if (!(await admin.listTopics()).includes(topic)) {
      await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    }
    await admin.disconnect();
    const producer = kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    return new PacedWriter(producer, topic);
  }

  /** Each record says when it was handed to the producer. */
  async write(options: { records: number; perSecond: number; bytes: number }): Promise<Written> {
    const { records, perSecond, bytes } = options;
    const acknowledged = new Latencies();
    const underWay = new Set<Promise<void>>();
    const begun = performance.now();
    for (let sent = 0; sent < records;) {
      const due = Math.min(records, Math.floor(((performance.now() - begun) * perSecond) / 1000) + 1);
      if (due > sent && underWay.size < MOST_UNDER_WAY) {
        const messages = Array.from({ length: Math.min(1000, due - sent) }, () => this.#message(bytes));
        sent += messages.length;
        const from = performance.now();
        const sending = this.#producer.send({ topic: this.#topic, messages }).then(() => {
          acknowledged.add(performance.now() - from);
          underWay.delete(sending);
        });
        underWay.add(sending);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(underWay);
    return { records, seconds: (performance.now() - begun) / 1000, acknowledged: acknowledged.summary() };
  }

  async stop(): Promise<void> {
    await this.#producer.disconnect();
  }

  #message(bytes: number) {
    const n = this.#sequence;
    this.#sequence += 1;
    const id = `record-${n}`;
    return {
      partition: 0,
      key: id,
      value: stampedValue(n, bytes),
      headers: {
        [recordHeaders.specVersion]: "1.0",
        [recordHeaders.id]: id,
        [recordHeaders.source]: "http://localhost/bench",
        [recordHeaders.type]: "apispool.record.v1",
        [recordHeaders.contentType]: "application/json",
        [recordHeaders.sequence]: String(n + 1),
        [recordHeaders.hash]: "0".repeat(64),
      },
    };
  }
}
