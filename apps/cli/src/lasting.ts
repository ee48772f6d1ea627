import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { connectionTrouble, inWords, passes } from "./failure.js";
import type { Gateway } from "./gateway.js";

export interface LastingOptions {
  /** Tells the person that the stream broke off, or goes on. */
  readonly say: (text: string) => void;
  /** How long to wait before the first try, and at most; milliseconds. */
  readonly firstMs?: number;
  readonly mostMs?: number;
}

/**
 * The messages of an endless stream that is opened again whenever it breaks off, after a pause that grows from try to try.
 * What fails before there was any message, and what will not pass by itself, is thrown. Ends by the gateway's signal, with
 * its reason.
 */
export async function* lasting<T>(
  { url, signal }: Pick<Gateway, "url" | "signal">,
  open: () => AsyncIterable<T>,
  { say, firstMs = 250, mostMs = 10_000 }: LastingOptions,
): AsyncGenerator<T, never, undefined> {
  let begun = false;
  let away = false;
  for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 2, mostMs)) {
    let broken: unknown;
    try {
      for await (const message of open()) {
        if (away) say("connected again");
        begun = true;
        away = false;
        pauseMs = firstMs;
        yield message;
      }
      broken = new ConnectError("the stream ended", Code.Unavailable);
    } catch (error) {
      if (!begun || !passes(error)) throw signal.aborted ? signal.reason : error;
      broken = error;
    }
    signal.throwIfAborted();
    if (!away)
      say(`the connection to ${url} is lost (${connectionTrouble(broken) ?? inWords(broken, url)}); trying again`);
    away = true;
    try {
      // Not all at once when a gateway comes back: up to a half more.
      await sleep(Math.max(pauseMs, retryAfterMs(broken)) * (1 + Math.random() / 2), undefined, { signal });
    } catch {
      signal.throwIfAborted();
    }
  }
}

/** What the gateway says itself of when it is worth trying again; milliseconds. */
function retryAfterMs(error: unknown): number {
  const delay = error instanceof ConnectError ? error.findDetails(RetryInfoSchema)[0]?.retryDelay : undefined;
  return delay === undefined ? 0 : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}
