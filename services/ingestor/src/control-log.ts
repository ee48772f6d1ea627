import { type Kafka, Partitioners, type Producer } from "kafkajs";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { toKafkaError } from "@apispool/kafka-log/retry.js";
import { withDeadline } from "./deadline.js";

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

  /** What was asked for last of every source that was ever started or stopped. */
  async read(log: LogReader): Promise<ReadonlyMap<string, Desired>> {
    const place = { topic: this.#topic, partition: 0 };
    const [start] = await log.offsetsAt("earliest", [place]);
    const desired = new Map<string, Desired>();
    await readToEnd(log, { ...place, offset: start?.offset ?? 0 }, ({ key, value }) => {
      const found = decode(value);
      if (key !== null && found !== undefined) desired.set(key.toString("utf8"), found);
    });
    return desired;
  }

  /** Rejects with UNAVAILABLE when it is not certain that Kafka has it. All sources go in one batch: all or none. */
  async write(sources: readonly string[], desired: Desired, requestId: string): Promise<void> {
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
      await withDeadline(sent, WRITE_MS, "writing the desired state");
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

function decode(value: Buffer | null): Desired | undefined {
  if (value === null) return undefined;
  try {
    const { desired } = JSON.parse(value.toString("utf8")) as { desired?: unknown };
    return desired === "STARTED" || desired === "STOPPED" ? desired : undefined;
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
