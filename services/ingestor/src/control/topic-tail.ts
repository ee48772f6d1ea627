import type { Logger } from "@apispool/common/logger.js";
import type { LogReader, LogRecord, PartitionOffset } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { sleep } from "../deadline.js";

const MAX_BYTES = 1024 * 1024;
const MAX_WAIT_MS = 500;
const RETRY_MS = 500;

/** Reads topics of one partition from their beginning, and whatever is added as it comes. */
export class TopicTail {
  readonly #log: LogReader;
  readonly #logger: Logger;
  readonly #onRecord: (topic: string, record: LogRecord) => void;
  readonly #offsets: Map<string, number>;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;

  /** `log` is used for long polls, which hold up everything else on its connections. */
  constructor(
    log: LogReader,
    topics: readonly string[],
    onRecord: (topic: string, record: LogRecord) => void,
    logger: Logger,
  ) {
    this.#log = log;
    this.#logger = logger;
    this.#onRecord = onRecord;
    this.#offsets = new Map(topics.map((topic) => [topic, 0]));
  }

  /** Reads all that is there; rejects where Kafka cannot be reached, and can be called again then. */
  async catchUp(): Promise<void> {
    const places = [...this.#offsets.keys()].map((topic) => ({ topic, partition: 0 }));
    for (const { topic, offset: earliest } of await this.#log.offsetsAt("earliest", places)) {
      const offset = Math.max(earliest, this.#offsets.get(topic) ?? 0);
      const next = await readToEnd(this.#log, { topic, partition: 0, offset }, (record) =>
        this.#onRecord(topic, record),
      );
      this.#offsets.set(topic, next);
    }
  }

  follow(): void {
    this.#following ??= this.#follow();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const positions = [...this.#offsets].map(([topic, offset]): PartitionOffset => ({
          topic,
          partition: 0,
          offset,
        }));
        const answers = await this.#log.fetch(positions, {
          maxBytes: 2 * MAX_BYTES,
          maxBytesPerPartition: MAX_BYTES,
          maxWaitMs: MAX_WAIT_MS,
          signal,
        });
        for (const { topic, records, nextOffset } of answers) {
          for (const record of records) this.#onRecord(topic, record);
          this.#offsets.set(topic, nextOffset);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.debug({ err: error }, "what other ingestors tell cannot be read at the moment");
        await sleep(RETRY_MS, signal);
      }
    }
  }
}
