import type { Readable } from "node:stream";
import { PollError } from "../poll-error.js";

/** Enough to tell a web page, a charset mark and an XML declaration by. */
const HEAD_BYTES = 512;
const MARK_BYTES = 3;

/** A body of which the first bytes are known before it is read. */
export interface PeekedBody {
  readonly head: Buffer;
  /** All of it, head included. Leaving it before its end destroys the body. */
  readonly chunks: AsyncIterable<Buffer>;
}

export async function peek(body: Readable): Promise<PeekedBody> {
  const iterator = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    // The first piece holds a charset's mark whole.
    if (bytes > 0 && bytes < MARK_BYTES) pieces.push(Buffer.concat([...pieces.splice(0), next.value]));
    else pieces.push(next.value);
    bytes += next.value.length;
  }
  const head = Buffer.concat(pieces).subarray(0, HEAD_BYTES);
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* pieces.splice(0);
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
      body.destroy();
    }
  }
  return { head, chunks: chunks() };
}

/** A body's first words, fit for a message. */
export function beginning(head: Buffer | string): string {
  return head
    .slice(0, 160)
    .toString()
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 80);
}

/** Throws PollError where an answer with a status of success is a web page: login, maintenance, a captcha. */
export function refuseWebPage(head: Buffer, expected: string): void {
  const text = head.toString("utf8").replace(/^\uFEFF/, "");
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*<(?:!doctype\s+html|html|head|body)[\s>]/i.test(text)) {
    throw new PollError(
      `the answer is a web page, not ${expected} (is it a login page or an error page?); it begins with: ${beginning(text)}`,
    );
  }
}

/** Throws PollError where lines or rows were asked for and one JSON document came, which is how many APIs tell an error. */
export function refuseJson(head: Buffer, contentType: string | undefined, expected: string): void {
  const text = head.toString("utf8").replace(/^\uFEFF/, "");
  if (/^application\/(?:problem\+)?json\b/i.test(contentType ?? "") && /^\s*[[{]/.test(text)) {
    throw new PollError(`the answer is JSON, not ${expected}; it begins with: ${beginning(text)}`);
  }
}
