import { setTimeout as sleep } from "node:timers/promises";

/** Durations as they pass for this process; tests have time pass as they like. */
export interface Clock {
  /** Milliseconds, of this process only; as performance.now(). */
  now(): number;
  /** Milliseconds by which processes of one machine (`ProcessId.space`) can compare when they did something. */
  sharedMs(): number;
  /** Resolves after `ms`, or when the signal fires. `background`: it keeps no process from ending. */
  pause(ms: number, signal: AbortSignal, background?: boolean): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  // The time since the machine's start, on Linux; elsewhere `space` is empty, and nothing is compared.
  sharedMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  pause: async (ms, signal, background = false) =>
    sleep(ms, undefined, { signal, ref: !background }).catch(() => undefined),
};
