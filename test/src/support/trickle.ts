import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, type Producer, logLevel } from "kafkajs";

/** Writes a record every few milliseconds, whatever becomes of Kafka; what it is not sure of may be there twice. */
export class Trickle {
  readonly #producer: Producer;
  readonly #topic: string;
  #written = 0;
  #paused = false;
  #stopped = false;
  #sending: Promise<void> = Promise.resolve();
  readonly #running: Promise<void>;

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
    this.#running = this.#run();
  }

  static async start(brokers: readonly string[], topic: string): Promise<Trickle> {
    const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 3 };
    const kafka = new Kafka({ brokers: [...brokers], clientId: "trickle", logLevel: logLevel.NOTHING, retry });
    const admin = kafka.admin();
    await admin.connect();
    // Where it is there already nothing happens.
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    return new Trickle(producer, topic);
  }

  /** How many records have been written at least. */
  get written(): number {
    return this.#written;
  }

  /** Tells how many records have been written at least. */
  async pause(): Promise<number> {
    this.#paused = true;
    await this.#sending;
    return this.#written;
  }

  resume(): void {
    this.#paused = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#producer.disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#paused) {
        this.#sending = this.#send();
        await this.#sending;
      }
      await sleep(10);
    }
  }

  async #send(): Promise<void> {
    const value = JSON.stringify({ n: this.#written });
    try {
      await this.#producer.send({ topic: this.#topic, messages: [{ partition: 0, value }] });
      this.#written += 1;
    } catch {
      await sleep(100);
    }
  }
}
