import { toBinary, create } from "@bufbuild/protobuf";
import { FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { encodeCursor } from "./cursor.js";
import { type RecordFields, fieldsOf } from "./record-fields.js";
import type { Chunk } from "./unread.js";

// Tags of protobuf's wire format: field number, wire type.
const RECORDS = 0x0a;
const SOURCE = 0x0a;
const ID = 0x12;
const PARTITION = 0x18;
const OFFSET = 0x20;
const INGESTED_AT = 0x2a;
const EVENT_TIME = 0x32;
const HEADERS = 0x3a;
const JSON_PAYLOAD = 0x42;
const BINARY_PAYLOAD = 0x4a;
const SECONDS = 0x08;
const NANOS = 0x10;
const MAP_KEY = 0x0a;
const MAP_VALUE = 0x12;

/**
 * A FetchUnreadResponse in protobuf's wire format, straight from the bytes that Kafka gave: an object for each record,
 * filled and encoded field by field, costs several times as much. What it must give is what protobuf-es would.
 */
export function encodeResponse(reader: string, chunk: Chunk): { readonly bytes: Buffer; readonly cursor: string } {
  const cursor = encodeCursor(reader, chunk.places);
  const writer = new Writer(64 * 1024);
  for (const { source, partition, records } of chunk.runs) {
    const sourceBytes = Buffer.from(source);
    for (const record of records) {
      const head = { source: sourceBytes, partition, offset: record.offset, timestampMs: record.timestampMs };
      writeRecord(writer, head, fieldsOf(record));
    }
  }
  const rest = toBinary(
    FetchUnreadResponseSchema,
    create(FetchUnreadResponseSchema, {
      cursor,
      complete: chunk.complete,
      gaps: chunk.gaps.map((gap) => ({
        ...gap,
        fromOffset: BigInt(gap.fromOffset),
        toOffset: BigInt(gap.toOffset),
      })),
    }),
  );
  writer.bytes(rest);
  return { bytes: writer.done(), cursor };
}

interface Head {
  readonly source: Buffer;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
}

function writeRecord(writer: Writer, head: Head, fields: RecordFields): void {
  const { source, partition, offset, timestampMs } = head;
  const { id, eventTimeMs, headers, payload } = fields;
  let size = sized(source.length) + sized(id.length);
  if (partition !== 0) size += 1 + varintSize(partition);
  if (offset !== 0) size += 1 + varintSize(offset);
  const ingestedSize = timestampSize(timestampMs);
  size += 2 + ingestedSize;
  const eventSize = eventTimeMs === undefined ? 0 : timestampSize(eventTimeMs);
  if (eventTimeMs !== undefined) size += 2 + eventSize;
  for (const [name, value] of headers) size += lengthPrefixed(entrySize(name, value));
  if (payload !== undefined) size += lengthPrefixed(payload.bytes.length);
  writer.ensure(size + 16);
  writer.byte(RECORDS);
  writer.varint(size);
  writer.field(SOURCE, source);
  writer.field(ID, id);
  if (partition !== 0) writer.number(PARTITION, partition);
  if (offset !== 0) writer.number(OFFSET, offset);
  writer.timestamp(INGESTED_AT, ingestedSize, timestampMs);
  if (eventTimeMs !== undefined) writer.timestamp(EVENT_TIME, eventSize, eventTimeMs);
  for (const [name, value] of headers) {
    const key = nameBytes(name);
    writer.byte(HEADERS);
    writer.varint(entrySize(name, value));
    // In a map's entry both are written, empty or not.
    writer.lengthPrefixed(MAP_KEY, key);
    writer.lengthPrefixed(MAP_VALUE, value);
  }
  // One of a oneof is written even when it is empty.
  if (payload !== undefined) {
    writer.lengthPrefixed(payload.kind === "json" ? JSON_PAYLOAD : BINARY_PAYLOAD, payload.bytes);
  }
}

const names = new Map<string, Buffer>();

/** The bytes of a header's name: there are few of them, and each comes a million times. */
function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (names.size < 1000) names.set(name, bytes);
  return bytes;
}

function entrySize(name: string, value: Uint8Array): number {
  return lengthPrefixed(nameBytes(name).length) + lengthPrefixed(value.length);
}

/** The size of a field of so many bytes; none where it is empty, as protobuf leaves it out. */
function sized(length: number): number {
  return length === 0 ? 0 : lengthPrefixed(length);
}

function lengthPrefixed(length: number): number {
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Seconds and nanoseconds as google.protobuf.Timestamp has them: nanoseconds count forward, before 1970 too. */
function secondsOf(ms: number): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}

function timestampSize(ms: number): number {
  const { seconds, nanos } = secondsOf(ms);
  const secondsSize = seconds === 0 ? 0 : seconds < 0 ? 11 : 1 + varintSize(seconds);
  return secondsSize + (nanos === 0 ? 0 : 1 + varintSize(nanos));
}

/** Bytes that grow; whoever writes has to ensure the room first. */
class Writer {
  #buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  ensure(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + more));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  byte(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at++] = rest;
  }

  number(tag: number, value: number): void {
    this.byte(tag);
    this.varint(value);
  }

  field(tag: number, value: Uint8Array): void {
    if (value.length > 0) this.lengthPrefixed(tag, value);
  }

  lengthPrefixed(tag: number, value: Uint8Array): void {
    this.byte(tag);
    this.varint(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  timestamp(tag: number, size: number, ms: number): void {
    const { seconds, nanos } = secondsOf(ms);
    this.byte(tag);
    this.byte(size);
    if (seconds !== 0) {
      this.byte(SECONDS);
      if (seconds > 0) this.varint(seconds);
      else this.#negative(seconds);
    }
    if (nanos !== 0) this.number(NANOS, nanos);
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** A negative number takes ten bytes: two's complement in 64 bits. */
  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }
}
