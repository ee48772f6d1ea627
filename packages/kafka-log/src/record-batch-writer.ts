import type { Message } from "kafkajs";
import { crc32c } from "./crc32c.js";
import { utf8Length, writeUtf8 } from "./short-text.js";

/** What a batch says of itself beside its records. */
export interface BatchSettings {
  readonly transactional: boolean;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The first record's number in the producer's own counting. */
  readonly firstSequence: number;
  /** Of messages that have no time of their own; milliseconds since the Unix epoch. */
  readonly now: number;
}

// Record batch, version 2 (KIP-98).
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const HEADER_BYTES = 61;
const MAGIC = 2;
const TRANSACTIONAL = 0x10;

type Header = readonly [name: Buffer, value: Buffer | string];

interface Prepared {
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers: readonly Header[];
  readonly timestampDelta: number;
  readonly bodyBytes: number;
}

/**
 * Writes messages as one uncompressed record batch. kafkajs's own way gives every record, every header and every length
 * a buffer that grows, which is most of what a producer does; here all is measured first and then written into one, which
 * `allocate` makes, with whatever in it.
 */
export function encodeRecordBatch(
  messages: readonly Message[],
  settings: BatchSettings,
  allocate: (bytes: number) => Buffer = (length) => Buffer.allocUnsafe(length),
): Buffer {
  const times = messages.map(({ timestamp }) => (timestamp === undefined ? settings.now : Number(timestamp)));
  const first = times[0] ?? settings.now;
  let bytes = HEADER_BYTES;
  const prepared = messages.map((message, offsetDelta) => {
    const record = prepare(message, (times[offsetDelta] ?? first) - first, offsetDelta);
    bytes += sizeOfVarint(record.bodyBytes) + record.bodyBytes;
    return record;
  });
  const batch = allocate(bytes);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(bytes - LENGTH_AT - 4, LENGTH_AT);
  batch.writeInt32BE(0, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(settings.transactional ? TRANSACTIONAL : 0, ATTRIBUTES_AT);
  batch.writeInt32BE(messages.length - 1, 23);
  batch.writeBigInt64BE(BigInt(first), 27);
  batch.writeBigInt64BE(BigInt(times.reduce((most, time) => Math.max(most, time), first)), 35);
  batch.writeBigInt64BE(settings.producerId, 43);
  batch.writeInt16BE(settings.producerEpoch, 51);
  batch.writeInt32BE(settings.firstSequence, 53);
  batch.writeInt32BE(messages.length, 57);
  let at = HEADER_BYTES;
  for (const [offsetDelta, record] of prepared.entries()) at = writeRecord(batch, at, record, offsetDelta);
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT);
  return batch;
}

function prepare({ key = null, value, headers = {} }: Message, timestampDelta: number, offsetDelta: number): Prepared {
  const list: Header[] = [];
  let headerBytes = 0;
  const add = (name: Buffer, header: Buffer | string): void => {
    list.push([name, header]);
    headerBytes += sizeOfField(name) + sizeOfField(header);
  };
  for (const name of Object.keys(headers)) {
    const header = headers[name];
    if (header === undefined) continue;
    if (Array.isArray(header)) for (const one of header) add(nameBytes(name), one);
    else add(nameBytes(name), header);
  }
  const bodyBytes =
    1 +
    sizeOfVarint(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfField(key) +
    sizeOfField(value) +
    sizeOfVarint(list.length) +
    headerBytes;
  return { key, value, headers: list, timestampDelta, bodyBytes };
}

function writeRecord(to: Buffer, start: number, record: Prepared, offsetDelta: number): number {
  let at = writeVarint(to, start, record.bodyBytes);
  to[at] = 0;
  at = writeVarint(to, at + 1, record.timestampDelta);
  at = writeVarint(to, at, offsetDelta);
  at = writeField(to, at, record.key);
  at = writeField(to, at, record.value);
  at = writeVarint(to, at, record.headers.length);
  for (const [name, value] of record.headers) {
    at = writeField(to, at, name);
    at = writeField(to, at, value);
  }
  return at;
}

/** Names of headers are few, and come again with every record. */
const names = new Map<string, Buffer>();
const MOST_NAMES = 1000;

function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (names.size < MOST_NAMES) names.set(name, bytes);
  return bytes;
}

function lengthOf(field: Buffer | string): number {
  return typeof field === "string" ? utf8Length(field) : field.length;
}

function sizeOfField(field: Buffer | string | null): number {
  if (field === null) return 1;
  const length = lengthOf(field);
  return sizeOfVarint(length) + length;
}

function writeField(to: Buffer, start: number, field: Buffer | string | null): number {
  if (field === null) return writeVarint(to, start, -1);
  const length = lengthOf(field);
  const at = writeVarint(to, start, length);
  if (typeof field === "string") writeUtf8(to, at, field, length);
  else field.copy(to, at);
  return at + length;
}

/** Zigzag: small numbers of either sign become small. Not by shifting, which knows 32 bits only. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** Without its lowest seven bits. */
function shifted(value: number): number {
  return value < 0x80000000 ? value >> 7 : Math.floor(value / 128);
}

function sizeOfVarint(value: number): number {
  let left = zigzag(value);
  let size = 1;
  for (; left >= 128; size += 1) left = shifted(left);
  return size;
}

function writeVarint(to: Buffer, start: number, value: number): number {
  let at = start;
  let left = zigzag(value);
  for (; left >= 128; at += 1) {
    to[at] = (left % 128) | 128;
    left = shifted(left);
  }
  to[at] = left;
  return at + 1;
}
