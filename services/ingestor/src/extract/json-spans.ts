import type { JsonPath } from "./json-path.js";

/** A range of bytes, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The value at a path, as a range of the bytes; undefined where there is none. The bytes must be valid JSON in UTF-8
 * (callers have parsed them before): nothing is validated again here.
 */
export function spanAt(json: Buffer, path: JsonPath, from = 0): Span | undefined {
  let span = valueSpan(json, from);
  for (const name of path) {
    const found =
      json[span.start] === OPEN_BRACE
        ? memberSpans(json, span).get(name)
        : json[span.start] === OPEN_BRACKET && /^(?:0|[1-9]\d*)$/.test(name)
          ? elementSpans(json, span)[Number(name)]
          : undefined;
    if (found === undefined) return undefined;
    span = found;
  }
  return span;
}

/** The elements of the array that a span holds, byte for byte as they were sent, without the white space around them. */
export function elementSpans(json: Buffer, array: Span): Span[] {
  const spans: Span[] = [];
  let at = skipSpace(json, array.start + 1);
  while (json[at] !== CLOSE_BRACKET) {
    const span = valueSpan(json, at);
    spans.push(span);
    at = skipSpace(json, span.end);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return spans;
}

/** The members of the object that a span holds: the last one where a name occurs twice, as JSON.parse takes it. */
export function memberSpans(json: Buffer, object: Span): Map<string, Span> {
  const members = new Map<string, Span>();
  let at = skipSpace(json, object.start + 1);
  while (json[at] !== CLOSE_BRACE) {
    const nameEnd = stringEnd(json, at);
    const span = valueSpan(json, skipSpace(json, nameEnd) + 1);
    members.set(JSON.parse(json.toString("utf8", at, nameEnd)) as string, span);
    at = skipSpace(json, span.end);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return members;
}

/** The value that begins at a byte or behind the white space there. */
export function valueSpan(json: Buffer, from: number): Span {
  const start = skipSpace(json, from);
  const first = json[start];
  if (first === QUOTE) return { start, end: stringEnd(json, start) };
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return { start, end: nestedEnd(json, start) };
  let end = start;
  for (; end < json.length; end += 1) {
    const byte = json[end] as number;
    if (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || isSpace(byte)) break;
  }
  return { start, end };
}

function nestedEnd(json: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  for (;;) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = stringEnd(json, at);
      continue;
    }
    at += 1;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at;
    } else if (byte === undefined) {
      throw new RangeError("the JSON ends inside a value");
    }
  }
}

/** A search of Buffer's own is quicker than a loop, but costs as much as this many bytes of it. */
const SHORT = 32;

function stringEnd(json: Buffer, start: number): number {
  let at = start + 1;
  for (const soon = at + SHORT; at < soon;) {
    const byte = json[at];
    if (byte === QUOTE) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
  // Behind an escape it is not known whether a backslash begins one, so they are counted back from each quote.
  for (const from = at; ;) {
    const quote = json.indexOf(QUOTE, at);
    if (quote < 0) throw new RangeError("the JSON ends inside a string");
    let first = quote;
    while (first > from && json[first - 1] === BACKSLASH) first -= 1;
    at = quote + 1;
    if ((quote - first) % 2 === 0) return at;
  }
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (isSpace(json[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
