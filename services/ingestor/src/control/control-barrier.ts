import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";

/**
 * Reads what is wanted of the sources up to where the control topic ends now. Other ingestors take orders, too: one that was
 * frozen, or hears late, would otherwise answer by what was wanted before, and take a Start for done that a Stop
 * elsewhere has made necessary again.
 */
export class ControlBarrier {
  readonly #topic: string;
  readonly #onRecord: (record: LogRecord) => void;
  #offset = 0;

  /** `onRecord` is told records again that it may know already. */
  constructor(topic: string, onRecord: (record: LogRecord) => void) {
    this.#topic = topic;
    this.#onRecord = onRecord;
  }

  /** Rejects with UNAVAILABLE where Kafka cannot be asked. */
  async pass(log: LogReader): Promise<void> {
    const place = { topic: this.#topic, partition: 0 };
    if (this.#offset === 0) this.#offset = (await log.offsetsAt("earliest", [place]))[0]?.offset ?? 0;
    const end = await readToEnd(log, { ...place, offset: this.#offset }, this.#onRecord);
    this.#offset = Math.max(this.#offset, end);
  }
}
