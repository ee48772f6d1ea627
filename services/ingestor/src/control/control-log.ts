import { type Kafka, Partitioners, type Producer } from "kafkajs";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { toKafkaError } from "@apispool/kafka-log/retry.js";
import { withDeadline } from "../deadline.js";

/** What the operator asked for last. */
export type Desired = "STARTED" | "STOPPED";

const WRITE_MS = 8000;

/** The desired state of every source, in a compacted topic: it survives any restart. */
export class ControlLog {
  readonly #kafka: Kafka;
  readonly #brokers: readonly string[];
  readonly #topic: string;
  #producer: Promise<Producer> | undefined;

  constructor(kafka: Kafka, brokers: readonly string[], topic: string) {
    this.#kafka = kafka;
    this.#brokers = brokers;
    this.#topic = topic;
  }

  /**
   * Rejects with UNAVAILABLE when it is not certain that Kafka has it. All sources go in one batch: all or none. Tells
   * the offset of the first; the others follow in order.
   */
  async write(sources: readonly string[], desired: Desired, requestId: string): Promise<number> {
    const value = JSON.stringify({ desired, at: new Date().toISOString(), requestId });
    const producer = (this.#producer ??= this.#connect());
    try {
      const sent = producer.then(async (connected) =>
        connected.send({
          topic: this.#topic,
          acks: -1,
          messages: sources.map((source) => ({ partition: 0, key: source, value })),
        }),
      );
      const [written] = await withDeadline(sent, WRITE_MS, "writing the desired state");
      return Number(written?.baseOffset ?? -1);
    } catch (error) {
      // kafkajs may lose what a producer writes after a failed send.
      if (this.#producer === producer) this.#producer = undefined;
      void disconnect(producer);
      throw toKafkaError(error, this.#brokers);
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer !== undefined) await withDeadline(disconnect(producer), 3000, "disconnecting").catch(() => undefined);
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 5 },
    });
    try {
      await producer.connect();
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
    return producer;
  }
}

/** What a record of the control topic says; undefined for what says nothing. */
export function readControl({ key, value }: LogRecord): { source: string; desired: Desired } | undefined {
  if (key === null || value === null) return undefined;
  try {
    const { desired } = JSON.parse(value.toString("utf8")) as { desired?: unknown };
    if (desired !== "STARTED" && desired !== "STOPPED") return undefined;
    return { source: key.toString("utf8"), desired };
  } catch {
    return undefined;
  }
}

async function disconnect(producer: Promise<Producer>): Promise<void> {
  try {
    await (await producer).disconnect();
  } catch {
    // It never was connected.
  }
}
