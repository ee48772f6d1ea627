import { setTimeout as sleep } from "node:timers/promises";
import type { SupervisedProcess } from "./supervised-process.js";

/** A process did not become ready. The message says which, and what is known. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
}

export interface ReadyOptions {
  /** Gives up after this long, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** How often it may die on the way. */
  readonly maxDeaths?: number;
}

/** Waits until a process is ready. Rejects when it cannot become so, dies too often, or takes too long. */
export async function untilReady(
  waited: SupervisedProcess,
  check: () => Promise<boolean>,
  { timeoutMs, signal, maxDeaths = 3 }: ReadyOptions,
): Promise<void> {
  const restartsBefore = waited.restarts;
  const end = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (waited.state === "failed") throw new NotReadyError(`${waited.name} cannot run: ${waited.lastDeath ?? ""}`);
    if (waited.state === "stopped") throw new NotReadyError(`${waited.name} was stopped`);
    if (waited.state === "running" && (await check())) return;
    if (waited.restarts - restartsBefore >= maxDeaths) {
      throw new NotReadyError(`${waited.name} died ${maxDeaths} times at its start, last of ${waited.lastDeath ?? ""}`);
    }
    if (performance.now() > end) {
      throw new NotReadyError(`${waited.name} was not ready after ${timeoutMs / 1000} s`);
    }
    await sleep(50);
  }
}
