/** What is read last, as text and as milliseconds: records that follow each other are mostly of the same day. */
let day = { text: "1970-01-01", ms: 0 };

/**
 * A time as text (RFC 3339, or what Date.parse takes beyond that) in milliseconds since the Unix epoch; undefined when it
 * is none. What most sources write, `2026-11-24T12:00:00.000Z`, is read without Date.parse, which takes as long as all
 * the rest of a record.
 */
export function eventTimeMs(bytes: Buffer, from: number, length: number): number | undefined {
  const ms = quickly(bytes, from, length) ?? Date.parse(bytes.toString("latin1", from, from + length));
  return Number.isNaN(ms) ? undefined : ms;
}

/** Undefined for what is not in that form. */
function quickly(bytes: Buffer, from: number, length: number): number | undefined {
  if ((length !== 20 && length !== 24) || bytes[from + length - 1] !== Z) return undefined;
  if (bytes[from + 10] !== T || bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return undefined;
  const hours = digits(bytes, from + 11, 2);
  const minutes = digits(bytes, from + 14, 2);
  const seconds = digits(bytes, from + 17, 2);
  const ms = length === 20 ? 0 : bytes[from + 19] === DOT ? digits(bytes, from + 20, 3) : -1;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59 || ms < 0) return undefined;
  if (!isDay(bytes, from)) {
    const text = bytes.toString("latin1", from, from + 10);
    day = { text, ms: /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN };
  }
  return Number.isNaN(day.ms) ? undefined : day.ms + hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + ms;
}

const T = 0x54;
const Z = 0x5a;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;

/** A number of so many digits; negative when there is something else. */
function digits(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i += 1) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isDay(bytes: Buffer, from: number): boolean {
  for (let i = 0; i < 10; i += 1) if (bytes[from + i] !== day.text.charCodeAt(i)) return false;
  return true;
}
