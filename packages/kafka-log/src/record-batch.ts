import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { crc32c } from "./crc32c.js";
import type { LogRecord, UnreadableRange } from "./log-reader.js";

/** A transaction that was aborted: its records from the first offset on do not count, up to its abort marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface DecodedRecords {
  readonly records: LogRecord[];
  /** Past every whole batch that was looked at; the offset asked for when there was none. */
  readonly nextOffset: number;
  readonly unreadable: UnreadableRange[];
}

// Record batch, version 2 (KIP-98): offsets of the header's fields.
const LENGTH = 8;
const MAGIC = 16;
const CRC = 17;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const RECORD_COUNT = 57;
const HEADER_BYTES = 61;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/**
 * Decodes the record batches of a fetched partition, with read-committed isolation.
 *
 * Positions advance by batch, not by record: a batch of markers only, of an aborted transaction, or emptied by
 * compaction has no record to show and must not stop the reader. What is damaged or in an unknown form is told of as
 * an unreadable range and passed over; a batch that is cut off at the end is left for the next fetch.
 */
export function decodeRecordBatches(
  bytes: Buffer,
  fetchOffset: number,
  aborted: readonly AbortedTransaction[] = [],
): DecodedRecords {
  const out: DecodedRecords & { nextOffset: number } = { records: [], nextOffset: fetchOffset, unreadable: [] };
  const aborts = new AbortedRanges(aborted);
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + LENGTH + 4 + bytes.readInt32BE(at + LENGTH);
    if (end > bytes.length || end < at + HEADER_BYTES) break;
    const baseOffset = readInt64(bytes, at);
    const lastOffset = baseOffset + bytes.readInt32BE(at + LAST_OFFSET_DELTA);
    if (lastOffset >= fetchOffset) {
      const problem = decodeBatch(bytes, at, end, baseOffset, fetchOffset, aborts, out.records);
      if (problem !== undefined) {
        out.unreadable.push({
          fromOffset: Math.max(baseOffset, fetchOffset),
          toOffset: lastOffset + 1,
          detail: problem,
        });
      }
      out.nextOffset = lastOffset + 1;
    }
    at = end;
  }
  return out;
}

/** Adds the records of one batch; tells what is wrong where it cannot be read, and then adds none. */
function decodeBatch(
  bytes: Buffer,
  at: number,
  end: number,
  baseOffset: number,
  fetchOffset: number,
  aborts: AbortedRanges,
  records: LogRecord[],
): string | undefined {
  const magic = bytes[at + MAGIC];
  if (magic !== 2) return `record batch of version ${magic}; only version 2 can be read`;
  const expected = bytes.readUInt32BE(at + CRC);
  const actual = crc32c(bytes, at + ATTRIBUTES, end);
  if (actual !== expected)
    return `the checksum of the batch at offset ${baseOffset} does not match: damaged on disk or on the way`;
  const attributes = bytes.readInt16BE(at + ATTRIBUTES);
  if ((attributes & TRANSACTIONAL) !== 0) {
    const producerId = bytes.readBigInt64BE(at + PRODUCER_ID);
    aborts.advanceTo(baseOffset + bytes.readInt32BE(at + LAST_OFFSET_DELTA));
    if ((attributes & CONTROL) !== 0) {
      aborts.endOf(producerId);
      return undefined;
    }
    if (aborts.has(producerId)) return undefined;
  } else if ((attributes & CONTROL) !== 0) {
    return undefined;
  }
  const kept = records.length;
  try {
    const count = bytes.readInt32BE(at + RECORD_COUNT);
    const codec = attributes & CODEC_MASK;
    const payload =
      codec === 0 ? bytes.subarray(at + HEADER_BYTES, end) : decompress(codec, bytes.subarray(at + HEADER_BYTES, end));
    const appendTime = (attributes & LOG_APPEND_TIME) === 0 ? undefined : readInt64(bytes, at + MAX_TIMESTAMP);
    const reader = new RecordReader(payload, baseOffset, readInt64(bytes, at + BASE_TIMESTAMP), appendTime);
    for (let i = 0; i < count; i += 1) {
      const record = reader.next();
      if (record.offset >= fetchOffset) records.push(record);
    }
    return undefined;
  } catch (error) {
    records.length = kept;
    return `the batch at offset ${baseOffset} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const codecNames: Readonly<Record<number, string>> = { 2: "snappy", 3: "lz4" };

function decompress(codec: number, bytes: Buffer): Buffer {
  if (codec === 1) return gunzipSync(bytes);
  if (codec === 4) return zstdDecompressSync(bytes);
  throw new Error(`it is compressed with ${codecNames[codec] ?? `codec ${codec}`}, which is not supported`);
}

/** Which producers are inside an aborted transaction, at the place that the decoder has come to. */
class AbortedRanges {
  readonly #waiting: AbortedTransaction[];
  readonly #active = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    // The broker's list is in the order of the ends of the transactions; several may have begun before one place.
    this.#waiting = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset);
  }

  advanceTo(offset: number): void {
    for (
      let next = this.#waiting.at(-1);
      next !== undefined && next.firstOffset <= offset;
      next = this.#waiting.at(-1)
    ) {
      this.#active.add(next.producerId);
      this.#waiting.pop();
    }
  }

  has(producerId: bigint): boolean {
    return this.#active.has(producerId);
  }

  /** A marker ends the producer's transaction; after a commit marker it was not active anyway. */
  endOf(producerId: bigint): void {
    this.#active.delete(producerId);
  }
}

const noHeaders: LogRecord["headers"] = [];

class RecordReader {
  readonly #bytes: Buffer;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  readonly #appendTime: number | undefined;
  #at = 0;

  constructor(bytes: Buffer, baseOffset: number, baseTimestamp: number, appendTime: number | undefined) {
    this.#bytes = bytes;
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = baseTimestamp;
    this.#appendTime = appendTime;
  }

  next(): LogRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError("a record reaches beyond its batch");
    this.#at += 1; // attributes, unused
    const timestampDelta = this.#varint();
    const offsetDelta = this.#varint();
    const key = this.#nullable();
    const value = this.#nullable();
    const count = this.#varint();
    const headers = count === 0 ? noHeaders : this.#headers(count);
    if (this.#at !== end) throw new RangeError("a record's parts do not add up to its length");
    return {
      offset: this.#baseOffset + offsetDelta,
      timestampMs: this.#appendTime ?? this.#baseTimestamp + timestampDelta,
      key,
      value,
      headers,
    };
  }

  #headers(count: number): LogRecord["headers"] {
    const headers: (readonly [string, Buffer | null])[] = [];
    for (let i = 0; i < count; i += 1) {
      const length = this.#varint();
      const from = this.#at;
      this.#skip(length);
      headers.push([this.#bytes.toString("utf8", from, this.#at), this.#nullable()]);
    }
    return headers;
  }

  #nullable(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const from = this.#at;
    this.#skip(length);
    return this.#bytes.subarray(from, this.#at);
  }

  #skip(length: number): void {
    const to = this.#at + length;
    if (length < 0 || to > this.#bytes.length) throw new RangeError("a length reaches beyond the batch");
    this.#at = to;
  }

  /** A zigzag varint; beyond 32 bits by arithmetic, as timestamps may be. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.#at++] as number;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let value = low;
    for (let scale = 2 ** 28; scale <= 2 ** 63; scale *= 128) {
      byte = bytes[this.#at++] as number;
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new RangeError("a number is not a varint");
  }
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4);
}
