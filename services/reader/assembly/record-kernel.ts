// AssemblyScript: Kafka's records to protobuf's, 16 bytes at a time. It knows the records that Apispool writes, with what
// is usual in them, and stops at any other; src/plain-record.ts writes that one, and is the reference for all of them.

// Tags of apispool.v1.Record in protobuf's wire format: field number, wire type.
const RECORDS: u8 = 0x0a;
const SOURCE: u8 = 0x0a;
const ID: u8 = 0x12;
const PARTITION: u8 = 0x18;
const OFFSET: u8 = 0x20;
const INGESTED_AT: u8 = 0x2a;
const EVENT_TIME: u8 = 0x32;
const HEADERS: u8 = 0x3a;
const JSON_PAYLOAD: u8 = 0x42;
const MAP_KEY: u8 = 0x0a;
const MAP_VALUE: u8 = 0x12;
// Fields of google.protobuf.Timestamp.
const SECONDS: u8 = 0x08;
const NANOS: u8 = 0x10;

/** What may be read or written past the end of a text, because 16 bytes are taken at a time. */
const SLACK: usize = 16;

// Where everything lies in memory. Who calls reads these, so that sizes stand here only.
/** The bytes that the spans are places in. */
export const INPUT_BYTES: usize = 64 * 1024;
/** Messages, one `records` field after the other. */
export const OUTPUT_BYTES: usize = 128 * 1024;
/** A source's name in UTF-8. */
export const SOURCE_BYTES: usize = 256;
/** Records that can be given at once. */
export const SPANS: usize = 1024;
/** Per record: offset and milliseconds since 1970 as f64; places and lengths of key, value and headers as i32. */
export const SPAN_BYTES: usize = 48;

const SPAN_TIMESTAMP: usize = 8;
const SPAN_KEY_FROM: usize = 16;
const SPAN_KEY_LENGTH: usize = 20;
const SPAN_VALUE_FROM: usize = 24;
const SPAN_VALUE_LENGTH: usize = 28;
const SPAN_HEADERS_FROM: usize = 32;
const SPAN_HEADER_COUNT: usize = 36;
const SPAN_END: usize = 40;

/** Where the kernel tells how far it came: the next record, the bytes written, and whether that record is unusual. */
export const RESULT_AT: usize = 1024;
export const SOURCE_AT: usize = RESULT_AT + 16;
/** Per header that is shown: places and lengths of name and value. */
const HEADERS_AT: usize = SOURCE_AT + SOURCE_BYTES + SLACK;
const MOST_HEADERS: i32 = 64;
const HEADER_BYTES: usize = 16;
export const SPANS_AT: usize = HEADERS_AT + (MOST_HEADERS as usize) * HEADER_BYTES;
export const INPUT_AT: usize = SPANS_AT + SPANS * SPAN_BYTES;
export const OUTPUT_AT: usize = INPUT_AT + INPUT_BYTES + SLACK;
const END: usize = OUTPUT_AT + OUTPUT_BYTES + SLACK;
memory.grow((((END + 0xffff) >> 16) as i32) - memory.size());

/** More than what stands between the parts of a record, and between those of a header. */
const FRAME: usize = 128;
const HEADER_FRAME: usize = 12;

/** Numbers beyond are not exact where they come from. */
const EXACT: f64 = 4503599627370496.0;
// The years 1 to 9999, which are what protobuf's Timestamp can say; -1 is what Kafka has for no time.
const FIRST_MS: f64 = -62135596800000.0;
const LAST_MS: f64 = 253402300799999.0;
const NO_RECORD_TIME: f64 = -1.0;

/**
 * Writes the records from `first` on, up to `count`, as `records` of a FetchUnreadResponse, from the beginning of the
 * output. Stops where the output is full, and at a record that is unusual.
 */
export function encode(first: i32, count: i32, sourceLength: usize, partition: u32): void {
  const limit = OUTPUT_AT + OUTPUT_BYTES;
  let out: usize = OUTPUT_AT;
  let index = first;
  let unusual = false;
  for (; index < count; index += 1) {
    const span = SPANS_AT + (index as usize) * SPAN_BYTES;
    const most = mostOf(span) + sourceLength;
    if (out + most > limit) {
      unusual = out == OUTPUT_AT;
      break;
    }
    const next = record(out, span, sourceLength, partition);
    if (next == 0) {
      unusual = true;
      break;
    }
    out = next;
  }
  store<i32>(RESULT_AT, index);
  store<i32>(RESULT_AT + 4, (out - OUTPUT_AT) as i32);
  store<i32>(RESULT_AT + 8, unusual ? 1 : 0);
}

/** The most bytes that a record takes, but for its source's name. An id may stand in the headers, and is written twice. */
function mostOf(span: usize): usize {
  const key: usize = max<i32>(0, load<i32>(span + SPAN_KEY_LENGTH));
  const value: usize = max<i32>(0, load<i32>(span + SPAN_VALUE_LENGTH));
  const headers: usize = load<i32>(span + SPAN_END) - load<i32>(span + SPAN_HEADERS_FROM);
  const count: usize = load<i32>(span + SPAN_HEADER_COUNT);
  return FRAME + key + value + 2 * headers + HEADER_FRAME * count;
}

/** Gives where the next record goes; 0 when this one is unusual. */
function record(from: usize, span: usize, sourceLength: usize, partition: u32): usize {
  const offset = load<f64>(span);
  const timestamp = load<f64>(span + SPAN_TIMESTAMP);
  if (!(offset >= 0 && offset <= EXACT && timestamp <= LAST_MS && timestamp >= FIRST_MS && timestamp != NO_RECORD_TIME))
    return 0;
  const headersEnd = INPUT_AT + load<i32>(span + SPAN_END);
  const headerCount = load<i32>(span + SPAN_HEADER_COUNT);
  let idFrom: usize = 0;
  let idLength: usize = 0;
  let timeFrom: usize = 0;
  let timeLength: usize = 0;
  let hashed = false;
  let typed = false;
  if (headerCount > MOST_HEADERS) return 0;
  let shown = HEADERS_AT;
  let at = INPUT_AT + load<i32>(span + SPAN_HEADERS_FROM);
  for (let i = 0; i < headerCount; i += 1) {
    let length: u32 = load<u8>(at);
    if (length < 128) at += 1;
    else {
      length = (length & 127) | (load<u8>(at + 1) << 7);
      // 8191 bytes at most: whoever needs more can wait.
      if (load<u8>(at + 1) > 127) return 0;
      at += 2;
    }
    if (length & 1) return 0;
    const nameLength: usize = length >> 1;
    const nameFrom = at;
    at += nameLength;
    if (at >= headersEnd) return 0;
    length = load<u8>(at);
    if (length < 128) at += 1;
    else {
      if (load<u8>(at + 1) > 127) return 0;
      length = (length & 127) | (load<u8>(at + 1) << 7);
      at += 2;
    }
    // No value (-1) is another thing than an empty one only for the names below.
    if (length & 1) return 0;
    const valueLength: usize = length >> 1;
    const valueFrom = at;
    at += valueLength;
    if (at > headersEnd) return 0;
    const eight = load<u64>(nameFrom);
    if (eight == OWN_1 && nameLength >= 9 && load<u8>(nameFrom + 8) == DASH) {
      if (nameLength == 13 && load<u32>(nameFrom + 9) == HASH) hashed = true;
      continue;
    }
    store<u32>(shown, nameFrom as u32);
    store<u32>(shown, nameLength as u32, 4);
    store<u32>(shown, valueFrom as u32, 8);
    store<u32>(shown, valueLength as u32, 12);
    shown += HEADER_BYTES;
    if (nameLength == 5) {
      if ((eight & 0xffffffffff) == CE_ID) {
        idFrom = valueFrom;
        idLength = valueLength;
      }
    } else if (nameLength == 7) {
      if ((eight & 0xffffffffffffff) == CE_TIME) {
        timeFrom = valueFrom;
        timeLength = valueLength;
      }
    } else if (nameLength == 12) {
      if (eight == CONTENT_TYPE_1 && load<u32>(nameFrom + 8) == CONTENT_TYPE_2) {
        typed = valueLength == 16 && load<u64>(valueFrom) == JSON_1 && load<u64>(valueFrom + 8) == JSON_2;
      }
    }
  }
  const valueLength = load<i32>(span + SPAN_VALUE_LENGTH);
  // Whether what others wrote is JSON has to be tried.
  if (valueLength >= 0 && !(hashed && typed)) return 0;

  store<u8>(from, RECORDS);
  const start = from + 3;
  let out = start;
  if (sourceLength > 0) {
    out = lengthPrefix(out, SOURCE, sourceLength);
    copy(out, SOURCE_AT, sourceLength);
    out += sourceLength;
  }
  if (idFrom != 0) {
    if (idLength > 0) {
      out = lengthPrefix(out, ID, idLength);
      copy(out, idFrom, idLength);
      out += idLength;
    }
  } else {
    const keyLength = load<i32>(span + SPAN_KEY_LENGTH);
    if (keyLength > 0) {
      const keyFrom = INPUT_AT + load<i32>(span + SPAN_KEY_FROM);
      out = text(lengthPrefix(out, ID, keyLength), keyFrom, keyLength);
      if (out == 0) return 0;
    }
  }
  if (partition != 0) {
    store<u8>(out, PARTITION);
    out = varint(out + 1, partition);
  }
  if (offset != 0) {
    store<u8>(out, OFFSET);
    out = varint(out + 1, offset as u64);
  }
  out = timestampField(out, INGESTED_AT, timestamp as i64);
  if (timeFrom != 0) {
    const ms = eventTimeMs(timeFrom, timeLength);
    if (ms == NO_TIME) return 0;
    out = timestampField(out, EVENT_TIME, ms);
  }
  for (let header = HEADERS_AT; header < shown; header += HEADER_BYTES) {
    const nameFrom: usize = load<u32>(header);
    const nameLength: usize = load<u32>(header, 4);
    const valueFrom: usize = load<u32>(header, 8);
    const length: usize = load<u32>(header, 12);
    out = lengthPrefix(
      out,
      HEADERS,
      2 + varintSize(nameLength as u32) + nameLength + varintSize(length as u32) + length,
    );
    out = text(lengthPrefix(out, MAP_KEY, nameLength), nameFrom, nameLength);
    if (out == 0) return 0;
    out = text(lengthPrefix(out, MAP_VALUE, length), valueFrom, length);
    if (out == 0) return 0;
  }
  if (valueLength >= 0) {
    const valueFrom = INPUT_AT + load<i32>(span + SPAN_VALUE_FROM);
    out = text(lengthPrefix(out, JSON_PAYLOAD, valueLength), valueFrom, valueLength);
    if (out == 0) return 0;
  }
  // Two bytes were kept for the length: enough for 16 KB.
  const length = out - start;
  if (length < 128) {
    memory.copy(start - 1, start, length);
    store<u8>(from + 1, length as u8);
    return out - 1;
  }
  if (length < 16384) {
    store<u16>(from + 1, ((length & 127) | 128 | ((length >> 7) << 8)) as u16);
    return out;
  }
  memory.copy(start + 1, start, length);
  varint(from + 1, length as u64);
  return out + 1;
}

// Names of headers, as numbers with the first byte lowest.
const OWN_1: u64 = 0x6c6f6f7073697061; // apispool
const DASH: u8 = 0x2d;
const HASH: u32 = 0x68736168; // hash
const CE_ID: u64 = 0x64695f6563; // ce_id
const CE_TIME: u64 = 0x656d69745f6563; // ce_time
const CONTENT_TYPE_1: u64 = 0x2d746e65746e6f63; // content-
const CONTENT_TYPE_2: u32 = 0x65707974; // type
const JSON_1: u64 = 0x746163696c707061; // applicat
const JSON_2: u64 = 0x6e6f736a2f6e6f69; // ion/json

function lengthPrefix(out: usize, tag: u8, length: usize): usize {
  store<u8>(out, tag);
  return varint(out + 1, length as u64);
}

function varint(out: usize, value: u64): usize {
  while (value > 127) {
    store<u8>(out, ((value & 127) | 128) as u8);
    value >>= 7;
    out += 1;
  }
  store<u8>(out, value as u8);
  return out + 1;
}

function varintSize(value: u32): usize {
  return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : value < 268435456 ? 4 : 5;
}

/** Before 1970 seconds are negative, which takes ten bytes; nanoseconds count forward. */
function timestampField(out: usize, tag: u8, ms: i64): usize {
  let seconds = ms / 1000;
  let rest = ms - seconds * 1000;
  if (rest < 0) {
    rest += 1000;
    seconds -= 1;
  }
  let at = out + 2;
  if (seconds != 0) {
    store<u8>(at, SECONDS);
    at = varint(at + 1, seconds as u64);
  }
  if (rest != 0) {
    store<u8>(at, NANOS);
    at = varint(at + 1, (rest * 1000000) as u64);
  }
  store<u8>(out, tag);
  store<u8>(out, (at - out - 2) as u8, 1);
  return at;
}

/** Copies, up to 15 bytes more than asked for. */
function copy(to: usize, from: usize, length: usize): void {
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Copies text; gives the place behind it, or 0 when it is none. */
function text(to: usize, from: usize, length: usize): usize {
  if (length < 16) {
    const few = v128.load(from);
    v128.store(to, few);
    if ((i8x16.bitmask(few) & ((1 << (length as i32)) - 1)) != 0 && !isUtf8(from, from + length)) return 0;
    return to + length;
  }
  const last = length - 16;
  let all = v128.load(from + last);
  v128.store(to + last, all);
  let i: usize = 0;
  for (; i + 64 <= length; i += 64) {
    const a = v128.load(from + i);
    const b = v128.load(from + i, 16);
    const c = v128.load(from + i, 32);
    const d = v128.load(from + i, 48);
    v128.store(to + i, a);
    v128.store(to + i, b, 16);
    v128.store(to + i, c, 32);
    v128.store(to + i, d, 48);
    all = v128.or(all, v128.or(v128.or(a, b), v128.or(c, d)));
  }
  for (; i < last; i += 16) {
    const a = v128.load(from + i);
    v128.store(to + i, a);
    all = v128.or(all, a);
  }
  if (i8x16.bitmask(all) != 0 && !isUtf8(from, from + length)) return 0;
  return to + length;
}

/** Whether bytes are UTF-8 (RFC 3629): no surrogates, nothing longer than need be. */
function isUtf8(from: usize, end: usize): bool {
  let at = from;
  while (at < end) {
    const high = i8x16.bitmask(v128.load(at));
    if (high == 0) {
      at += 16;
      continue;
    }
    at += ctz(high) as usize;
    while (at < end) {
      const first: u32 = load<u8>(at);
      if (first < 0x80) break;
      if (first < 0xc2 || first > 0xf4) return false;
      const second: u32 = load<u8>(at, 1);
      if (first < 0xe0) {
        if (!follows(second)) return false;
        at += 2;
      } else if (first < 0xf0) {
        if (second < (first == 0xe0 ? 0xa0 : 0x80) || second > (first == 0xed ? 0x9f : 0xbf)) return false;
        if (!follows(load<u8>(at, 2))) return false;
        at += 3;
      } else {
        if (second < (first == 0xf0 ? 0x90 : 0x80) || second > (first == 0xf4 ? 0x8f : 0xbf)) return false;
        if (!follows(load<u8>(at, 2)) || !follows(load<u8>(at, 3))) return false;
        at += 4;
      }
      if (at > end) return false;
    }
  }
  return true;
}

function follows(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}

const NO_TIME: i64 = i64.MIN_VALUE;

/** `2026-11-24T12:00:00.000Z`, with or without milliseconds, in milliseconds since 1970; NO_TIME for any other form. */
function eventTimeMs(from: usize, length: usize): i64 {
  if (length != 20 && length != 24) return NO_TIME;
  if (load<u8>(from + length - 1) != 0x5a) return NO_TIME;
  if (load<u8>(from, 4) != DASH || load<u8>(from, 7) != DASH || load<u8>(from, 10) != 0x54) return NO_TIME;
  if (load<u8>(from, 13) != COLON || load<u8>(from, 16) != COLON) return NO_TIME;
  const century = two(from);
  const years = two(from + 2);
  const month = two(from + 5);
  const day = two(from + 8);
  const hours = two(from + 11);
  const minutes = two(from + 14);
  const seconds = two(from + 17);
  if (century > 99 || years > 99 || month < 1 || month > 12 || day < 1) return NO_TIME;
  if (hours > 23 || minutes > 59 || seconds > 59) return NO_TIME;
  let ms: u32 = 0;
  if (length == 24) {
    const tens = two(from + 20);
    const ones: u32 = load<u8>(from, 22) - ZERO;
    if (load<u8>(from, 19) != 0x2e || tens > 99 || ones > 9) return NO_TIME;
    ms = tens * 10 + ones;
  }
  const year = century * 100 + years;
  if (year == 0 || (day > 28 && day > daysOf(month, year))) return NO_TIME;
  return ((dayNumber(year, month, day) * 24 + hours) * 60 + minutes) * 60000 + seconds * 1000 + ms;
}

const COLON: u8 = 0x3a;
const ZERO: u32 = 0x30;

/** Two digits; more than 99 for anything else. */
function two(at: usize): u32 {
  const tens = (load<u8>(at) as u32) - ZERO;
  const ones = (load<u8>(at, 1) as u32) - ZERO;
  return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

function daysOf(month: u32, year: u32): u32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is the last. */
function dayNumber(year: u32, month: u32, day: u32): i64 {
  const y: i64 = (year as i64) + 400 - (month <= 2 ? 1 : 0);
  const era = y / 400;
  const ofEra = y - era * 400;
  const ofYear: i64 = ((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1) as i64;
  return era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468 - 146097;
}
