import { setTimeout as sleep } from "node:timers/promises";

/** Whether a promise was fulfilled within so many milliseconds; rejects where it does. No timer is left behind, which would keep a process up. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  try {
    return await Promise.race([promise.then(() => true), sleep(ms, false, { signal: late.signal }).catch(() => false)]);
  } finally {
    late.abort();
  }
}
