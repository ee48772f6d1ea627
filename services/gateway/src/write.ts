import type { Exchange } from "./exchange.js";
import { limitError } from "./limits/exceeded.js";
import { cutOff } from "./router.js";
import { reasonOfAbort } from "./upstream-error.js";

/**
 * Writes a part of an answer and resolves when the connection takes more: who writes in a loop runs no further ahead
 * than that. Fails with a ConnectError when the client is gone or takes nothing for `stallTimeoutMs`.
 */
export async function write(exchange: Exchange, chunk: string | Uint8Array, stallTimeoutMs: number): Promise<void> {
  const { res, signal } = exchange;
  if (chunk.length === 0) return;
  // To a response that is closed Node writes nothing, and says so by an error event that nobody waits for.
  if (exchange.closed) throw reasonOfAbort(signal);
  if (res.write(chunk)) return;
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(timer);
      noLonger?.();
      res.off("drain", drain);
      signal.removeEventListener("abort", abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const drain = (): void => done();
    const abort = (): void => done(reasonOfAbort(signal));
    const timer = setTimeout(() => done(stalled(stallTimeoutMs)), stallTimeoutMs);
    const noLonger = exchange.stalled?.wait(exchange, () => done(crowdedOut()));
    res.on("drain", drain);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
  });
}

/**
 * Ends an answer. A client that does not take the rest of it within `stallTimeoutMs` is cut off: it would hold its
 * connection, and its reader, for as long as it likes.
 */
export function end(exchange: Exchange, chunk: string | Uint8Array, stallTimeoutMs: number): void {
  const { res, log } = exchange;
  exchange.answered();
  if (exchange.closed) return;
  if (chunk.length === 0) res.end();
  else res.end(chunk);
  const timer = setTimeout(() => {
    log.debug(stalled(stallTimeoutMs).rawMessage);
    cutOff(exchange);
  }, stallTimeoutMs);
  const noLonger =
    res.writableLength > 0
      ? exchange.stalled?.wait(exchange, () => (log.debug(crowdedOut().rawMessage), cutOff(exchange)))
      : undefined;
  res.once("close", () => {
    clearTimeout(timer);
    noLonger?.();
  });
}

function stalled(ms: number) {
  const problem = `the client took nothing of it for ${Math.round(ms / 1000)} s`;
  return limitError({ field: "answer", problem, setting: "STALL_TIMEOUT", status: 408 });
}

function crowdedOut() {
  const problem = "the client did not take it, and more waited for such clients than is kept";
  return limitError({ field: "answer", problem, setting: "MAX_STALLED_BYTES", status: 408 });
}
