import { setTimeout as sleep } from "node:timers/promises";
import type { History } from "../history.js";
import type { Brokers } from "./brokers.js";

/** How long a calm has to last before Kafka itself is suspected, how often it is then asked, and how often in turn it has to fail. */
const PATIENCE_MS = 30_000;
const EVERY_MS = 10_000;
const TIMES = 3;

/**
 * After a broker had been stopped by a full disk, Kafka 4.3.1 came back once with a coordinator of groups that never finished loading ("No in-memory
 * snapshot for epoch"): whose group it had, got no answer until the broker was started again. No client can help that. So where Kafka, asked directly
 * and with nothing between, does not know a group's offsets for half a minute, brokers are started again, as somebody who
 * operates them would do; it is written down, and waiting begins anew.
 */
export class StuckCoordinators {
  readonly #history: History;
  readonly #brokers: Brokers;
  readonly #unanswered: (signal: AbortSignal) => Promise<readonly string[]>;
  #began = 0;
  #asked = 0;
  #failed = 0;
  #found = 0;

  /** `unanswered`: of which groups Kafka does not tell the offsets, just now. */
  constructor(history: History, brokers: Brokers, unanswered: (signal: AbortSignal) => Promise<readonly string[]>) {
    this.#history = history;
    this.#brokers = brokers;
    this.#unanswered = unanswered;
  }

  /** A calm has begun. */
  begin(): void {
    this.#began = performance.now();
    this.#failed = 0;
  }

  /** To be called again and again while something is missing. True: brokers have been started again. */
  async mend(signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    if (now - this.#began < PATIENCE_MS || now - this.#asked < EVERY_MS) return false;
    this.#asked = now;
    const groups = await this.#unanswered(signal);
    this.#failed = groups.length > 0 ? this.#failed + 1 : 0;
    if (this.#failed < TIMES) return false;
    this.#found += 1;
    const fault = -this.#found;
    this.#history.add({ kind: "fault", fault, name: "Kafka stuck by itself", what: "every broker is started again" });
    await Promise.all(this.#brokers.all.map(async ({ process }) => process.crash()));
    await sleep(500);
    await this.#brokers.ready();
    this.#history.add({ kind: "healed", fault });
    this.#history.add({ kind: "stuck", groups });
    this.begin();
    return true;
  }
}
