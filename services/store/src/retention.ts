import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { RecordStore } from "@apispool/record-store/store.js";
import type { TtlOf } from "./ttl.js";

/** How many records one transaction removes: some ten milliseconds, in which nothing is written. */
const BATCH = 1000;

export interface RetentionOptions {
  readonly store: RecordStore;
  readonly ttlOf: TtlOf;
  /** How often it is looked what is too old, in milliseconds; undefined: everything is kept for ever. */
  readonly lookMs: number | undefined;
  readonly logger: Logger;
  readonly onRemoved: (source: string, records: number) => void;
}

/**
 * Removes from the store that answers what is too old, piece by piece: between two of them the projection has its turn for as long as the
 * last one took. Whatever fails, or is cut short by a crash, is done by a later look, because each one begins with what is there.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #problem = "";

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    const { lookMs } = this.#options;
    if (lookMs !== undefined) this.#running ??= this.#run(lookMs);
  }

  /** Ends with the piece that is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(lookMs: number): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#stop;
    for (let pauseMs = 0; !signal.aborted; pauseMs = lookMs) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#look(signal);
        this.#problem = "";
      } catch (error) {
        const why = error instanceof ConnectError ? error.rawMessage : describeError(error);
        if (why !== this.#problem && !signal.aborted) {
          logger.warn({ err: describeError(error) }, `what is too old could not be removed from the store: ${why}`);
        }
        this.#problem = why;
      }
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { store, ttlOf, logger, onRemoved } = this.#options;
    // Of one generation: a rebuild that ends meanwhile makes the next piece fail.
    const projection = store.current;
    const sources = new Set((await projection.positions()).map(({ source }) => source));
    for (const source of sources) {
      const ttlMs = ttlOf(source);
      if (ttlMs === undefined) continue;
      const beforeMs = Date.now() - ttlMs;
      let removed = 0;
      while (!signal.aborted) {
        const begin = performance.now();
        const some = await projection.removeBefore(source, beforeMs, BATCH);
        if (some === 0) break;
        removed += some;
        onRemoved(source, some);
        await sleep(performance.now() - begin, undefined, { signal }).catch(() => undefined);
      }
      if (removed > 0)
        logger.info({ source, removed }, `${removed} records of "${source}" were too old and are removed`);
    }
  }
}
