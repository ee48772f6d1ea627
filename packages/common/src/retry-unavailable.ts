import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/**
 * Does work that may be repeated (idempotent), again and again while whoever it needs is away: UNAVAILABLE, or no answer in
 * time. After `forMs` milliseconds the last error counts; any other error counts at once. When the signal fires, its
 * reason counts.
 */
export async function retryUnavailable<T>(forMs: number, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const end = performance.now() + forMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof ConnectError && [Code.Unavailable, Code.DeadlineExceeded].includes(error.code);
      // Its reason may be UNAVAILABLE, too: the service is told to stop.
      signal?.throwIfAborted();
      if (!away || performance.now() + pauseMs > end) throw error;
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}
