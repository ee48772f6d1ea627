import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { silentLogger } from "@apispool/common/logger.js";

/** Follows who writes a source: the state that is written with the records says it. */
export class Owners {
  readonly #log: LogReader;
  readonly #topic: string;
  #offset = 0;
  /** The process ids of all writes so far, in order; one that follows itself is told once. */
  readonly writers: number[] = [];

  constructor(brokers: string, prefix: string) {
    this.#topic = namesFor(prefix).state;
    this.#log = createLogReader({
      brokers: brokers.split(","),
      clientId: "crash-owners",
      topicPrefix: prefix,
      log: silentLogger,
    });
  }

  /** Reads what is new; tells who wrote last, undefined where nobody did. */
  async newest(): Promise<number | undefined> {
    this.#offset = await readToEnd(
      this.#log,
      { topic: this.#topic, partition: 0, offset: this.#offset },
      ({ value }) => {
        const { owner } = JSON.parse(value?.toString() ?? "{}") as { owner?: { pid: number } };
        if (owner !== undefined && this.writers.at(-1) !== owner.pid) this.writers.push(owner.pid);
      },
    );
    return this.writers.at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log.close();
  }
}
