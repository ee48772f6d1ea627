import { isUtf8 } from "node:buffer";
import { contentHash } from "./content-hash.js";
import { parseDocument } from "./exact-numbers.js";
import { PartialLine, type WholeLine } from "./partial-line.js";
import { brokenItem, type ItemContent, ItemError, type RawItem } from "./raw-item.js";

const NEWLINE = 0x0a;
const REPLACEMENT = "\uFFFD";

export interface LineLimits {
  readonly maxRecordBytes: number;
  /** The body was put into UTF-8 by us: U+FFFD then stands for what was not of its charset. */
  readonly transcoded: string | undefined;
}

/** One JSON value a line. Lines without anything in them are passed over. Never more than one line is kept. */
export async function* ndjsonItems(
  chunks: AsyncIterable<Buffer>,
  limits: LineLimits,
): AsyncGenerator<Iterable<RawItem>> {
  const partial = new PartialLine(limits.maxRecordBytes);
  const lines = { number: 0 };
  for await (const chunk of chunks) yield linesOf(chunk, partial, lines, limits);
  if (partial.length > 0) yield oneLine(partial.take(), (lines.number += 1), limits);
}

function* linesOf(
  chunk: Buffer,
  partial: PartialLine,
  lines: { number: number },
  limits: LineLimits,
): Generator<RawItem> {
  let start = 0;
  for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
    partial.add(chunk.subarray(start, end));
    start = end + 1;
    lines.number += 1;
    yield* oneLine(partial.take(), lines.number, limits);
  }
  if (start < chunk.length) partial.add(chunk.subarray(start));
}

function* oneLine({ bytes, hash, length }: WholeLine, number: number, limits: LineLimits): Generator<RawItem> {
  const place = `line ${number}`;
  if (hash !== undefined) {
    yield brokenItem(bytes, hash, place, `it has ${length} bytes; ${limits.maxRecordBytes} are allowed`);
    return;
  }
  const line = trimmed(bytes);
  if (line.length > 0) yield { raw: line, hash: contentHash(line), place, read: () => read(line, limits) };
}

function read(line: Buffer, { transcoded }: LineLimits): ItemContent {
  if (!isUtf8(line))
    throw new ItemError("it is not UTF-8 text; if the answer is in another charset, set charset to it");
  const text = line.toString("utf8");
  if (transcoded !== undefined && text.includes(REPLACEMENT)) throw new ItemError(`it is not ${transcoded} text`);
  try {
    const value = parseDocument(text);
    return { json: line, value, document: value };
  } catch (error) {
    throw new ItemError(`it is not valid JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unreadable"}`);
  }
}

/** Without the white space that JSON allows around a value; the carriage return of CRLF is of it. */
function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isSpace(bytes[start])) start += 1;
  while (end > start && isSpace(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
