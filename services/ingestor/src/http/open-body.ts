import { type Readable, pipeline } from "node:stream";
import { BoundedBody, ByteLimit, TooLargeError } from "./bounded-body.js";
import { decodersFor } from "./content-coding.js";
import type { RawAnswer } from "./exchange.js";
import type { RequestDeadline } from "./request-deadline.js";

export interface BodyOptions {
  readonly maxBytes: number;
  readonly deadline: RequestDeadline;
  /** Turns whatever broke the stream into what its reader shall see. */
  readonly explain: (error: Error) => Error;
}

/**
 * The body of an answer, decompressed as it is read. Holds the connection and the deadline until it was read to its end
 * or destroyed. While its reader is busy with what it has, the deadline's clock stands still. Throws where it is clear at
 * once that the body cannot be used.
 */
export function openBody({ headers, stream }: RawAnswer, { maxBytes, deadline, explain }: BodyOptions): Readable {
  const length = headers["content-length"];
  // Some servers name a coding also for nothing.
  const decoders = length === "0" ? [] : decodersFor(headers["content-encoding"]);
  if (decoders.length === 0 && Number(length) > maxBytes) throw new TooLargeError(`${length} bytes`);
  const body = new BoundedBody({
    maxBytes,
    explain,
    onFull: () => deadline.pause(),
    onHungry: () => deadline.resume(),
  });
  const abort = (): void => {
    body.destroy(deadline.signal.reason as Error);
  };
  if (deadline.signal.aborted) abort();
  deadline.signal.addEventListener("abort", abort);
  body.once("close", () => {
    deadline.signal.removeEventListener("abort", abort);
    deadline.end();
  });
  // It may break before anybody listens; whoever reads it then gets the error all the same.
  body.on("error", () => undefined);
  // What is compressed is smaller than what it holds, give or take a header.
  const limits = decoders.flatMap((decoder) => [new ByteLimit(maxBytes + 64 * 1024), decoder]);
  pipeline([stream, ...limits, body], () => undefined);
  return body;
}

/** How much of an answer that nobody wants is read, in bytes and milliseconds, so that its connection can be kept. */
const SMALL_BYTES = 16 * 1024;
const SHORT_MS = 1000;

/** Gets rid of an answer. */
export function discard(stream: Readable): void {
  let bytes = 0;
  const timer = setTimeout(() => stream.destroy(), SHORT_MS);
  stream.on("error", () => undefined);
  stream.once("close", () => clearTimeout(timer));
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > SMALL_BYTES) stream.destroy();
  });
}
