import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { crc32c } from "./crc32c.js";
import type { UnreadableRange } from "./log-reader.js";
import { StoredRecord, VarintWalk } from "./stored-record.js";

/** A transaction that was aborted: its records from the first offset on do not count, up to its abort marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface DecodedRecords {
  readonly records: StoredRecord[];
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
  records: StoredRecord[],
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

class RecordReader {
  readonly #walk: VarintWalk;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  readonly #appendTime: number | undefined;

  constructor(bytes: Buffer, baseOffset: number, baseTimestamp: number, appendTime: number | undefined) {
    this.#walk = new VarintWalk(bytes, 0);
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = baseTimestamp;
    this.#appendTime = appendTime;
  }

  next(): StoredRecord {
    const walk = this.#walk;
    const length = walk.next();
    const end = walk.at + length;
    if (length < 0 || end > walk.bytes.length) throw new RangeError("a record reaches beyond its batch");
    walk.at += 1; // attributes, unused
    const timestampDelta = walk.next();
    const offsetDelta = walk.next();
    const keyLength = walk.next();
    const keyFrom = walk.at;
    if (keyLength > 0) walk.skip(keyLength);
    const valueLength = walk.next();
    const valueFrom = walk.at;
    if (valueLength > 0) walk.skip(valueLength);
    const headerCount = walk.next();
    const headersFrom = walk.at;
    for (let i = 0; i < headerCount; i += 1) {
      walk.skip(walk.next());
      const headerLength = walk.next();
      if (headerLength > 0) walk.skip(headerLength);
    }
    if (walk.at !== end) throw new RangeError("a record's parts do not add up to its length");
    return new StoredRecord(walk.bytes, {
      offset: this.#baseOffset + offsetDelta,
      timestampMs: this.#appendTime ?? this.#baseTimestamp + timestampDelta,
      keyFrom,
      keyLength,
      valueFrom,
      valueLength,
      headersFrom,
      headerCount,
      end,
    });
  }
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4);
}
