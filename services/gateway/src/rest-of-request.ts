import type { Exchange } from "./exchange.js";

/**
 * Throws away what is still coming in of a request whose answer is complete, so that the client gets to the answer: one that is
 * not read any more would otherwise wait for ever for room to send the rest. To be called when the answer has been ended.
 */
export function dropRest({ req, res, stream }: Pick<Exchange, "req" | "res" | "stream">): void {
  if (req.complete) return;
  if (stream !== undefined) {
    const stop = (): void => {
      // RFC 9113, section 8.1: the rest of the request is not wanted, and that is no error.
      if (!stream.closed) stream.close();
    };
    if (res.writableFinished) stop();
    else res.once("finish", stop);
  }
  req.resume();
}
