import type { Logger } from "@apispool/common/logger.js";
import type { LogReader, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import { setTimeout as sleep } from "node:timers/promises";
import { type Place, keyOf } from "./place.js";

/** How long the broker may hold back its answer, in milliseconds: so long can a partition that is new to the watch go unheard. */
const POLL_MS = 500;
const RETRY_MS = 500;
/** The least time from one long poll to the next, in milliseconds. */
const SOON_MS = 2;

interface Waiter {
  readonly places: readonly Place[];
  readonly wake: () => void;
}

/**
 * Wakes those that wait for new records, however many they are, with one long poll for all: a blocked fetch holds up every
 * other request on its connection, so waiters must not have one each.
 */
export class HeadWatch {
  readonly #log: LogReader;
  readonly #logger: Logger;
  readonly #waiters = new Set<Waiter>();
  /** The newest known end (LSO) of each partition that is waited for. */
  readonly #ends = new Map<string, number>();
  readonly #stop = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(log: LogReader, logger: Logger) {
    this.#log = log;
    this.#logger = logger;
  }

  /**
   * Resolves when there is something to read at one of the places, after `ms`, or when the signal fires: whoever waited
   * looks for itself. Never rejects.
   */
  async grown(places: readonly Place[], ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#waiters.delete(waiter);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const waiter: Waiter = { places, wake: done };
      signal.addEventListener("abort", done);
      this.#waiters.add(waiter);
      // It may have grown since the caller looked.
      if (this.#isGrown(waiter)) done();
      else this.#watching ??= this.#watch().finally(() => (this.#watching = undefined));
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { wake } of this.#waiters) wake();
    await this.#watching;
  }

  #isGrown({ places }: Waiter): boolean {
    return places.some((place) => (this.#ends.get(keyOf(place)) ?? 0) > place.offset);
  }

  async #watch(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#stop.signal.aborted) {
      const positions = this.#positions();
      const begun = performance.now();
      try {
        const answers = await this.#log.fetch(positions, {
          // The records are of no interest here; one batch comes all the same.
          maxBytes: 1,
          maxBytesPerPartition: 1,
          maxWaitMs: POLL_MS,
          signal: this.#stop.signal,
        });
        for (const { topic, partition, lastStableOffset } of answers) {
          this.#ends.set(keyOf({ topic, partition }), lastStableOffset);
        }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#logger.debug({ err: error }, "watching for new records failed");
        // Those that wait find out by themselves what is wrong.
        for (const { wake } of this.#waiters) wake();
        await sleep(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        continue;
      }
      for (const waiter of this.#waiters) if (this.#isGrown(waiter)) waiter.wake();
      // Nothing to watch, or a place that is not in the log, is answered at once.
      if (performance.now() - begun < SOON_MS)
        await sleep(SOON_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
    this.#ends.clear();
  }

  /** The ends of all partitions that are waited for; where an end is not known yet, the furthest place of a waiter. */
  #positions(): (TopicPartition & { offset: number })[] {
    const furthest = new Map<string, TopicPartition & { offset: number }>();
    for (const { places } of this.#waiters) {
      for (const { topic, partition, offset } of places) {
        const key = keyOf({ topic, partition });
        const from = Math.max(offset, this.#ends.get(key) ?? 0, furthest.get(key)?.offset ?? 0);
        furthest.set(key, { topic, partition, offset: from });
      }
    }
    for (const key of this.#ends.keys()) if (!furthest.has(key)) this.#ends.delete(key);
    return [...furthest.values()];
  }
}
