import { decompress } from "./codecs/decompress.js";
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

// Record batch, version 2 (KIP-98): offsets of the header's fields. The first four are the same in messages of version 0
// and 1, which have no batches.
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
/** Up to the version. */
const BEGINNING_BYTES = 17;

/** The most that one batch may become, in bytes. Producers make batches of a megabyte, with one large record in them at most. */
const MOST_BATCH_BYTES = 128 * 1024 * 1024;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface DecodeOptions {
  readonly aborted?: readonly AbortedTransaction[];
  /** Decoding ends with the batch after which so many bytes have been decompressed: a fetch must not become a hundred. */
  readonly enoughBytes?: number;
  /** The most that one batch may become, in bytes; a larger one is unreadable. */
  readonly mostBatchBytes?: number;
}

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
  { aborted = [], enoughBytes = Infinity, mostBatchBytes = MOST_BATCH_BYTES }: DecodeOptions = {},
): DecodedRecords {
  const out: DecodedRecords & { nextOffset: number } = { records: [], nextOffset: fetchOffset, unreadable: [] };
  const decoder = new BatchDecoder(bytes, fetchOffset, new AbortedRanges(aborted), mostBatchBytes, out.records);
  for (let at = 0; at + BEGINNING_BYTES <= bytes.length && decoder.decompressed < enoughBytes;) {
    const end = at + LENGTH + 4 + bytes.readInt32BE(at + LENGTH);
    if (end > bytes.length || end < at + BEGINNING_BYTES) break;
    const problem = decoder.batch(at, end);
    const nextOffset = Math.max(out.nextOffset, decoder.nextOffset);
    if (problem !== undefined && nextOffset > out.nextOffset) {
      // An old message may hold others of lower offsets; a batch says where it begins.
      const isBatch = (bytes[at + MAGIC] as number) >= 2;
      const fromOffset = isBatch ? Math.max(readInt64(bytes, at), out.nextOffset) : out.nextOffset;
      addUnreadable(out.unreadable, { fromOffset, toOffset: nextOffset, detail: problem });
    }
    out.nextOffset = nextOffset;
    at = end;
  }
  return out;
}

/** Old messages come one by one, and a million ranges would say no more than one. */
function addUnreadable(ranges: UnreadableRange[], range: UnreadableRange): void {
  const last = ranges.at(-1);
  if (last?.toOffset === range.fromOffset && last.detail === range.detail) {
    ranges[ranges.length - 1] = { ...last, toOffset: range.toOffset };
  } else ranges.push(range);
}

/** Decodes one batch after the other of what was fetched. */
class BatchDecoder {
  /** After the batch that was decoded last. */
  nextOffset = 0;
  /** How many bytes have been made by decompression. */
  decompressed = 0;
  readonly #bytes: Buffer;
  readonly #fetchOffset: number;
  readonly #aborts: AbortedRanges;
  readonly #mostBatchBytes: number;
  readonly #records: StoredRecord[];

  constructor(
    bytes: Buffer,
    fetchOffset: number,
    aborts: AbortedRanges,
    mostBatchBytes: number,
    records: StoredRecord[],
  ) {
    this.#bytes = bytes;
    this.#fetchOffset = fetchOffset;
    this.#aborts = aborts;
    this.#mostBatchBytes = mostBatchBytes;
    this.#records = records;
  }

  /** Adds the records of one batch; tells what is wrong where it cannot be read, and then adds none. */
  batch(at: number, end: number): string | undefined {
    const bytes = this.#bytes;
    const baseOffset = readInt64(bytes, at);
    const magic = bytes[at + MAGIC] as number;
    if (magic !== 2) {
      // Up to version 1 that is the message itself, or the last one of those that are compressed together in it.
      this.nextOffset = baseOffset + 1;
      return magic < 2
        ? `messages of version ${magic}, from before Kafka 0.11, cannot be read; only record batches of version 2 can`
        : `record batch of version ${magic}; only version 2 can be read`;
    }
    if (end < at + HEADER_BYTES || crc32c(bytes, at + ATTRIBUTES, end) !== bytes.readUInt32BE(at + CRC)) {
      this.nextOffset = this.#afterDamaged(at, end, baseOffset);
      return `the checksum of the batch at offset ${baseOffset} does not match: damaged on disk or on the way`;
    }
    const lastOffset = baseOffset + bytes.readInt32BE(at + LAST_OFFSET_DELTA);
    this.nextOffset = lastOffset + 1;
    if (lastOffset < this.#fetchOffset || this.#isHidden(at, lastOffset)) return undefined;
    const kept = this.#records.length;
    try {
      this.#readRecords(at, end, baseOffset);
      return undefined;
    } catch (error) {
      this.#records.length = kept;
      return `the batch at offset ${baseOffset} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** Control batches, and those of transactions that were aborted. */
  #isHidden(at: number, lastOffset: number): boolean {
    const attributes = this.#bytes.readInt16BE(at + ATTRIBUTES);
    if ((attributes & TRANSACTIONAL) === 0) return (attributes & CONTROL) !== 0;
    const producerId = this.#bytes.readBigInt64BE(at + PRODUCER_ID);
    this.#aborts.advanceTo(lastOffset);
    if ((attributes & CONTROL) === 0) return this.#aborts.has(producerId);
    this.#aborts.endOf(producerId);
    return true;
  }

  #readRecords(at: number, end: number, baseOffset: number): void {
    const bytes = this.#bytes;
    const attributes = bytes.readInt16BE(at + ATTRIBUTES);
    const count = bytes.readInt32BE(at + RECORD_COUNT);
    const codec = attributes & CODEC_MASK;
    const stored = bytes.subarray(at + HEADER_BYTES, end);
    const payload = codec === 0 ? stored : decompress(codec, stored, this.#mostBatchBytes);
    if (codec !== 0) this.decompressed += payload.length;
    const appendTime = (attributes & LOG_APPEND_TIME) === 0 ? undefined : readInt64(bytes, at + MAX_TIMESTAMP);
    const reader = new RecordReader(payload, baseOffset, readInt64(bytes, at + BASE_TIMESTAMP), appendTime);
    for (let i = 0; i < count; i += 1) {
      const record = reader.next();
      if (record.offset >= this.#fetchOffset) this.#records.push(record);
    }
  }

  /**
   * Where reading goes on after a batch whose header cannot be trusted, the offset of its last record included: at the
   * batch behind it, or where that is not known with the very next offset, so that nothing sound is passed over.
   */
  #afterDamaged(at: number, end: number, baseOffset: number): number {
    const least = Math.max(baseOffset, this.#fetchOffset) + 1;
    const behind = end + BEGINNING_BYTES <= this.#bytes.length ? readInt64(this.#bytes, end) : 0;
    if (behind > baseOffset) return behind;
    const claimed = end < at + HEADER_BYTES ? 0 : this.#bytes.readInt32BE(at + LAST_OFFSET_DELTA);
    // A record takes seven bytes at least, so a larger number is damage, or what compaction has left over.
    return claimed <= end - at ? Math.max(least, baseOffset + claimed + 1) : least;
  }
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
