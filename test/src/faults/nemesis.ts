import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "@apispool/common/errors.js";
import { Random } from "../support/random.js";
import type { Fault } from "./fault.js";
import type { History } from "./history.js";
import { Busy } from "./process-faults.js";

export interface Weather {
  readonly forMs: number;
  /** The mean time from one fault to the next. */
  readonly everyMs: number;
  /** How many may be active at once. */
  readonly most: number;
}

/** Harms one thing after the other, as its seed will have it. The nth fault of a seed is the same in every run. */
export class Nemesis {
  readonly #faults: readonly Fault[];
  readonly #seed: number;
  readonly #history: History;
  readonly #active = new Set<Promise<void>>();
  #drawn = 0;
  /** Faults that were done. */
  done = 0;

  constructor(faults: readonly Fault[], seed: number, history: History) {
    this.#faults = faults;
    this.#seed = seed;
    this.#history = history;
  }

  /** Resolves when the time is over, or the signal fires, and all is healed. */
  async rage({ forMs, everyMs, most }: Weather, signal: AbortSignal): Promise<void> {
    const end = performance.now() + forMs;
    while (performance.now() < end && !signal.aborted) {
      this.#drawn += 1;
      const random = new Random(Math.imul(this.#drawn, 0x9e_37_79_b1) ^ this.#seed);
      await pause(everyMs * (0.3 + 1.4 * random.next()), signal);
      if (this.#active.size >= most) await Promise.race(this.#active);
      if (signal.aborted) break;
      const harm = this.#harm(random, signal);
      this.#active.add(harm);
      void harm.finally(() => this.#active.delete(harm));
    }
    await Promise.all(this.#active);
  }

  async #harm(random: Random, signal: AbortSignal): Promise<void> {
    const fault = this.#draw(random);
    const [least, most] = fault.lastsMs;
    const lastsMs = least + random.next() * (most - least);
    const number = this.#drawn;
    try {
      const harm = await fault.inject(random);
      this.done += 1;
      this.#history.add({ kind: "fault", fault: number, name: fault.kind, what: harm.what });
      await pause(lastsMs, signal);
      await harm.heal();
      this.#history.add({ kind: "healed", fault: number });
    } catch (error) {
      if (!(error instanceof Busy)) this.#history.add({ kind: "note", text: `${fault.kind}: ${describeError(error)}` });
    }
  }

  #draw(random: Random): Fault {
    let place = random.next() * this.#faults.reduce((sum, { weight }) => sum + weight, 0);
    for (const fault of this.#faults) {
      place -= fault.weight;
      if (place < 0) return fault;
    }
    const last = this.#faults.at(-1);
    if (last === undefined) throw new Error("there are no faults to draw from");
    return last;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
