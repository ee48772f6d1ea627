import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { namesFor, recordHeaders } from "@apispool/kafka-log/topics.js";
import type { History } from "./history.js";
import type { Upstreams } from "./upstreams.js";
import { readVersion } from "./versions.js";

const FETCH = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 1024 * 1024, maxWaitMs: 0 };
const LOOK_MS = 100;
/** How long Kafka may take to tell a group's offsets, in milliseconds. */
const ANSWER_MS = 5000;

/** Reads the log beside it all, as a reader of committed records does, and writes down what is there. */
export class Witness implements AsyncDisposable {
  readonly #log: LogReader;
  readonly #history: History;
  readonly #upstreams: Upstreams;
  readonly #readerGroup: (reader: string) => string;
  readonly #topics: ReadonlyMap<string, string>;
  readonly #offsets: Map<string, number>;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  constructor(brokers: string, prefix: string, upstreams: Upstreams, history: History) {
    this.#log = createLogReader({
      brokers: brokers.split(","),
      clientId: "faults-witness",
      topicPrefix: prefix,
      log: silentLogger,
    });
    this.#history = history;
    this.#upstreams = upstreams;
    const { records, readerGroup } = namesFor(prefix);
    this.#readerGroup = readerGroup;
    this.#topics = new Map(upstreams.names.map((source) => [records(source), source]));
    this.#offsets = new Map([...this.#topics.keys()].map((topic) => [topic, 0]));
    this.#following = this.#follow();
  }

  /** How far it has read a source: the offset behind. */
  offset(source: string): number {
    const [topic = ""] = [...this.#topics].find(([, name]) => name === source) ?? [];
    return this.#offsets.get(topic) ?? 0;
  }

  /** Of which readers' groups Kafka does not tell the offsets just now. */
  async unanswered(readers: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const partitions = [...this.#topics.keys()].map((topic) => ({ topic, partition: 0 }));
    const asked = readers.map(async (reader) => {
      const group = this.#readerGroup(reader);
      const answer = this.#log.committed(group, partitions, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
      return await answer.then(
        () => [],
        () => [group],
      );
    });
    return (await Promise.all(asked)).flat();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#look().catch(() => undefined);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#stop;
    const positions = [...this.#offsets].map(([topic, offset]) => ({ topic, partition: 0, offset }));
    for (const { topic, records, nextOffset } of await this.#log.fetch(positions, { ...FETCH, signal })) {
      const source = this.#topics.get(topic) ?? "";
      this.#offsets.set(topic, nextOffset);
      const logged = records.map(({ offset, value, headers }): readonly [number, number, number, number] => {
        const text = value?.toString() ?? "";
        const { n, id } = readVersion(text) ?? { n: -1, id: -1 };
        if (text !== this.#upstreams.text(source, n, id))
          this.#history.add({ kind: "damaged", source, offset, where: "the witness" });
        const sequence = headers.find(([name]) => name === recordHeaders.sequence)?.[1]?.toString();
        return [offset, Number(sequence ?? -1), n, id];
      });
      if (logged.length > 0) this.#history.add({ kind: "logged", source, records: logged });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#log.close();
  }
}
