import type { LogRecord } from "./log-reader.js";

/** Where the parts of a record lie among the bytes of its batch. */
export interface RecordSpans {
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  readonly keyFrom: number;
  /** -1: there is none. */
  readonly keyLength: number;
  readonly valueFrom: number;
  /** -1: there is none. */
  readonly valueLength: number;
  readonly headersFrom: number;
  readonly headerCount: number;
  /** After the last header. */
  readonly end: number;
}

const noHeaders: LogRecord["headers"] = [];

/**
 * A record as it lies in the log. Its key, value and headers are made only when they are asked for: a buffer for each of
 * them costs more than all the rest of reading a record. Who is in a hurry takes the spans instead.
 */
export class StoredRecord implements LogRecord, RecordSpans {
  /** What the spans are places in: the bytes of the record's batch, and maybe of others. */
  readonly bytes: Buffer;
  readonly offset: number;
  readonly timestampMs: number;
  readonly keyFrom: number;
  readonly keyLength: number;
  readonly valueFrom: number;
  readonly valueLength: number;
  readonly headersFrom: number;
  readonly headerCount: number;
  readonly end: number;

  constructor(bytes: Buffer, spans: RecordSpans) {
    this.bytes = bytes;
    this.offset = spans.offset;
    this.timestampMs = spans.timestampMs;
    this.keyFrom = spans.keyFrom;
    this.keyLength = spans.keyLength;
    this.valueFrom = spans.valueFrom;
    this.valueLength = spans.valueLength;
    this.headersFrom = spans.headersFrom;
    this.headerCount = spans.headerCount;
    this.end = spans.end;
  }

  get key(): Buffer | null {
    return this.#part(this.keyFrom, this.keyLength);
  }

  get value(): Buffer | null {
    return this.#part(this.valueFrom, this.valueLength);
  }

  get headers(): LogRecord["headers"] {
    if (this.headerCount === 0) return noHeaders;
    const { bytes } = this;
    const walk = new VarintWalk(bytes, this.headersFrom);
    const headers: (readonly [string, Buffer | null])[] = [];
    for (let i = 0; i < this.headerCount; i += 1) {
      const nameLength = walk.next();
      const name = bytes.toString("utf8", walk.at, walk.skip(nameLength));
      const length = walk.next();
      headers.push([name, this.#part(walk.at, length)]);
      if (length > 0) walk.skip(length);
    }
    return headers;
  }

  #part(from: number, length: number): Buffer | null {
    return length < 0 ? null : this.bytes.subarray(from, from + length);
  }
}

/** Reads the numbers of Kafka's record format, one after the other. */
export class VarintWalk {
  readonly bytes: Buffer;
  /** The place of the next byte. */
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Passes over bytes, which have to be there, and gives the place behind them. */
  skip(length: number): number {
    const to = this.at + length;
    if (length < 0 || to > this.bytes.length) throw new RangeError("a length reaches beyond the batch");
    this.at = to;
    return to;
  }

  /** A zigzag varint; beyond 32 bits by arithmetic, as timestamps may be. */
  next(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.at++] as number;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let value = low;
    for (let scale = 2 ** 28; scale <= 2 ** 63; scale *= 128) {
      byte = bytes[this.at++] as number;
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new RangeError("a number is not a varint");
  }
}
