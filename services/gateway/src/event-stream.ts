import { Code } from "@connectrpc/connect";
import type { Encoding } from "./accept-encoding.js";
import { eventText, heartbeatText, retryText } from "./event-text.js";
import type { Exchange } from "./exchange.js";
import { problemOf } from "./problem.js";
import { cutOff, noteFailure } from "./router.js";
import { isSilent } from "./silent-peer.js";
import { StreamedAnswer } from "./streamed-answer.js";
import type { Wanted } from "./wanted.js";

export interface EventStreamOptions {
  readonly encoding: Encoding;
  /** How long a client may take nothing, in milliseconds. */
  readonly stallTimeoutMs: number;
  /** How long nothing may be said, in milliseconds; then a comment is. */
  readonly heartbeatMs: number;
  /** Somebody else would like to have what the stream holds. */
  readonly wanted?: Wanted;
}

/** How long a client is to wait before it connects again after an ordinary end, in milliseconds. */
const retryMs = 1000;

/** What passes by itself. A browser's EventSource comes back after the end of a stream, and never after a status but 200. */
const passing = new Set([Code.Unavailable, Code.Aborted, Code.ResourceExhausted, Code.DeadlineExceeded]);

/** The head of every event stream, but for its coding. nginx would hold events back to fill its buffers. */
export const eventStreamHead: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
  vary: "Accept, Accept-Encoding",
};

/**
 * Answers with events, for as long as there are items. What goes wrong for good before the first item is thrown; everything
 * else is told by an event `error` whose data is the problem, and the stream ends, so that an EventSource comes back.
 */
export async function serveEvents<T>(
  exchange: Exchange,
  items: AsyncIterable<T>,
  textOf: (item: T) => string | Uint8Array,
  options: EventStreamOptions,
): Promise<void> {
  const { encoding, stallTimeoutMs } = options;
  const answer = new StreamedAnswer(exchange, { head: eventStreamHead, encoding, stallTimeoutMs, live: true });
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextOf(iterator, exchange, answer, options);
      if ("error" in next) {
        if (exchange.closed) throw next.error;
        await fail(exchange, answer, next.error);
        return;
      }
      if (next.done === true) break;
      if (!answer.begun) await answer.write(retryText(retryMs));
      await answer.write(textOf(next.value));
    }
    await answer.end("");
  } finally {
    // It may be waiting for an item that comes when its own client is seen to be gone, and not before.
    void iterator.return?.().catch(() => undefined);
    answer.close();
  }
}

/** The next item, or what was wrong with it; in the meantime the connection is kept alive. */
async function nextOf<T>(
  iterator: AsyncIterator<T>,
  exchange: Exchange,
  answer: StreamedAnswer,
  { heartbeatMs, wanted }: EventStreamOptions,
): Promise<IteratorResult<T> | { readonly error: unknown }> {
  let item: IteratorResult<T> | { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  const arrived = (what: typeof item): void => {
    item = what;
    wake?.();
  };
  iterator.next().then(arrived, (error: unknown) => arrived({ error }));
  for (;;) {
    let asked = false;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, heartbeatMs);
      if (wanted !== undefined) {
        wanted.listener = () => {
          asked = true;
          resolve();
        };
      }
      if (item !== undefined) resolve();
    });
    clearTimeout(timer);
    if (wanted !== undefined) wanted.listener = undefined;
    if (item !== undefined) return item;
    // Before the first item nobody knows yet that it will be a stream.
    if (!answer.begun) continue;
    await answer.write(heartbeatText);
    if (asked) void leaveIfSilent(exchange);
  }
}

/** What nobody takes any more must not keep others from it. Never rejects. */
async function leaveIfSilent(exchange: Exchange): Promise<void> {
  if (await isSilent(exchange)) cutOff(exchange);
}

async function fail(exchange: Exchange, answer: StreamedAnswer, thrown: unknown): Promise<void> {
  const { problem, headers, error } = problemOf(thrown, exchange.requestId);
  if (!answer.begun && !passing.has(error.code)) throw thrown;
  noteFailure(exchange, problem, error);
  const seconds = Number(headers["retry-after"] ?? 0);
  await answer.end(retryText(Math.max(retryMs, seconds * 1000)) + eventText(problem, { name: "error" }));
}
