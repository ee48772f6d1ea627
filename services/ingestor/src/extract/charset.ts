import { isUtf8 } from "node:buffer";
import { PollError } from "../poll-error.js";

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Where a body's charset can be told: by the configuration, by a mark at its beginning, by the API, by the text itself. */
export interface CharsetHints {
  readonly configured: string | undefined;
  readonly contentType: string | undefined;
  /** The first bytes. */
  readonly head: Buffer;
}

/** The name that TextDecoder has for a body's charset. Throws PollError where nobody knows it. */
export function charsetOf({ configured, contentType, head }: CharsetHints): string {
  if (configured !== undefined) return known(configured, "the configuration (charset)", "config");
  if (head.subarray(0, 3).equals(UTF8_MARK)) return "utf-8";
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  const sent = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? "")?.[1];
  if (sent !== undefined) return known(sent, "the Content-Type", "malformed");
  const declared = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/i.exec(head.toString("latin1"))?.[1];
  // Whoever can read the declaration byte by byte does not read UTF-16.
  return declared === undefined || /^utf-?16/i.test(declared)
    ? "utf-8"
    : known(declared, "the XML declaration", "malformed");
}

/** A whole body as UTF-8 without a mark. Throws PollError where it is not of the charset. */
export function toUtf8(body: Buffer, charset: string, configured: string | undefined): Buffer {
  if (charset === "utf-8") {
    const text = withoutMark(body);
    if (!isUtf8(text)) {
      throw new PollError("the answer is not UTF-8 text; if it is meant to be in another charset, set charset to it");
    }
    return text;
  }
  // Many servers send ISO-8859-1 in the header whatever they write; what is valid UTF-8 was never meant to be that.
  if (configured === undefined && charset === "windows-1252" && isUtf8(body)) return withoutMark(body);
  try {
    return Buffer.from(new TextDecoder(charset, { fatal: true }).decode(body));
  } catch (error) {
    throw new PollError(`the answer is not ${charset} text, as which it was sent; set charset to what it is`, {
      cause: error,
    });
  }
}

/** Pieces of a body as UTF-8 without a mark; what is not of the charset becomes U+FFFD, but bytes of UTF-8 stay as they are. */
export async function* toUtf8Stream(chunks: AsyncIterable<Buffer>, charset: string): AsyncGenerator<Buffer> {
  const decoder = charset === "utf-8" ? undefined : new TextDecoder(charset);
  let first = true;
  for await (const chunk of chunks) {
    const bytes = decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    yield first && decoder === undefined ? withoutMark(bytes) : bytes;
    first = false;
  }
  if (decoder !== undefined) yield Buffer.from(decoder.decode());
}

function withoutMark(body: Buffer): Buffer {
  return body.subarray(0, 3).equals(UTF8_MARK) ? body.subarray(3) : body;
}

function known(label: string, where: string, kind: "config" | "malformed"): string {
  try {
    return new TextDecoder(label).encoding;
  } catch (error) {
    throw new PollError(`${where} names the charset "${label.slice(0, 40)}", which nobody knows; set charset`, {
      kind,
      cause: error,
    });
  }
}
