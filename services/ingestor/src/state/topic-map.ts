import type { LogReader } from "@apispool/kafka-log/log-reader.js";

/** How long an answer serves, in milliseconds: a boot of a thousand sources asks once. */
const FRESH_MS = 5000;

/** How many partitions each topic has; one question to Kafka for all who ask at about the same time. */
export class TopicMap {
  readonly #log: LogReader;
  readonly #prefix: string;
  #found: Promise<ReadonlyMap<string, readonly number[]>> | undefined;
  #askedAt = 0;

  constructor(log: LogReader, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
  }

  async partitions(topic: string): Promise<readonly number[]> {
    const askedAt = this.#askedAt;
    const partitions = (await this.#ask()).get(topic);
    if (partitions !== undefined) return partitions;
    // It may be new.
    if (this.#askedAt === askedAt) this.#found = undefined;
    const again = (await this.#ask()).get(topic);
    if (again === undefined) throw new Error(`the topic ${topic} is not there`);
    return again;
  }

  async #ask(): Promise<ReadonlyMap<string, readonly number[]>> {
    if (this.#found === undefined || performance.now() - this.#askedAt > FRESH_MS) {
      this.#askedAt = performance.now();
      const asked = this.#log
        .topics(this.#prefix)
        .then((topics) => new Map(topics.map(({ name, partitions }) => [name, partitions])));
      asked.catch(() => {
        if (this.#found === asked) this.#found = undefined;
      });
      this.#found = asked;
    }
    return await this.#found;
  }
}
