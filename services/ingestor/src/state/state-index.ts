import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { type SourceState, decodeState } from "./source-state.js";

export interface FoundState {
  readonly state: SourceState;
  /** Its offset in the state topic: another one means that somebody has written since. */
  readonly offset: number;
}

/** How long an open transaction is waited for by default, in milliseconds: Kafka ends it in less. */
const OPEN_TRANSACTION_MS = 20_000;

/**
 * The newest state of every source. One reader for all sources, which goes on where it stopped: a thousand sources that
 * look for their state cost one read of the topic, not a thousand.
 */
export class StateIndex {
  readonly #log: LogReader;
  readonly #topic: string;
  readonly #states = new Map<string, FoundState>();
  #nextOffset: number | undefined;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(log: LogReader, topic: string) {
    this.#log = log;
    this.#topic = topic;
  }

  /** The offset up to which the topic has been read. */
  get nextOffset(): number {
    return this.#nextOffset ?? 0;
  }

  /** As of the last {@link refresh}. */
  get(source: string): FoundState | undefined {
    return this.#states.get(source);
  }

  /**
   * Reads to the end that the topic has now, and waits for transactions that are open there: they may hold a newer
   * state. Rejects where one stays open for too long.
   */
  async refresh(openTransactionMs = OPEN_TRANSACTION_MS): Promise<void> {
    if (openTransactionMs < OPEN_TRANSACTION_MS) {
      // Those who want to wait less must not wait for one who waits longer.
      await this.#read(openTransactionMs);
      return;
    }
    if (this.#running === undefined) {
      this.#running = this.#read(openTransactionMs).finally(() => (this.#running = undefined));
      await this.#running;
      return;
    }
    // What runs already may have looked for the end too early for this caller.
    this.#queued ??= this.#running
      .catch(() => undefined)
      .then(async () => {
        this.#queued = undefined;
        await this.refresh();
      });
    await this.#queued;
  }

  async #read(openTransactionMs: number): Promise<void> {
    const place = { topic: this.#topic, partition: 0 };
    if (this.#nextOffset === undefined) {
      const [start] = await this.#log.offsetsAt("earliest", [place]);
      this.#nextOffset ??= start?.offset ?? 0;
    }
    const next = await readToEnd(
      this.#log,
      { ...place, offset: this.#nextOffset },
      ({ key, value, offset }) => {
        const state = decodeState(value);
        if (key === null || state === undefined) return;
        const source = key.toString("utf8");
        if (offset > (this.#states.get(source)?.offset ?? -1)) this.#states.set(source, { state, offset });
      },
      { openTransactionMs },
    );
    this.#nextOffset = Math.max(this.#nextOffset, next);
  }
}
