import type { FetchedPartition, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";

/** About what a record takes in memory beside its own bytes. */
const RECORD_BYTES = 100;

/** What a fetch would have given, or what was given to others already: then its records are theirs, too. */
export interface Part extends FetchedPartition {
  /** About the bytes of all records, where others are given the very same ones. */
  readonly sharedBytes?: number;
}

interface Piece {
  readonly from: number;
  readonly bytes: number;
  readonly part: Part;
}

/**
 * The newest records of a partition without a gap between them, decoded once for all that read there: what lies from
 * `from` up to `to`, in pieces as they came. Whoever takes a piece takes the same one as the others do.
 */
export class Stretch {
  readonly partition: TopicPartition;
  readonly #pieces: Piece[] = [];
  #from: number;
  #to: number;

  /** Holds nothing yet; what is added first begins at `offset`. */
  constructor({ topic, partition }: TopicPartition, offset: number) {
    this.partition = { topic, partition };
    this.#from = offset;
    this.#to = offset;
  }

  get from(): number {
    return this.#from;
  }

  /** Where what is added next has to begin. */
  get to(): number {
    return this.#to;
  }

  /** Whether there is something to read at an offset. */
  holds(offset: number): boolean {
    return offset >= this.#from && offset < this.#to;
  }

  /** Adds what was fetched from `to` on, in pieces of about `pieceBytes`; gives the bytes of each. */
  add(fetched: FetchedPartition, pieceBytes: number): readonly number[] {
    const added: number[] = [];
    const { records } = fetched;
    let first = 0;
    let bytes = 0;
    const cut = (after: number, nextOffset: number): void => {
      const unreadable = first === 0 ? fetched.unreadable : [];
      const whole = first === 0 && after === records.length;
      const own = whole ? records : records.slice(first, after);
      const part = { ...fetched, records: own, nextOffset, unreadable, sharedBytes: bytes };
      this.#pieces.push({ from: this.#to, bytes, part });
      this.#to = nextOffset;
      added.push(bytes);
      first = after;
      bytes = 0;
    };
    for (const [i, record] of records.entries()) {
      const size = sizeOf(record);
      if (bytes > 0 && bytes + size > pieceBytes) cut(i, record.offset);
      bytes += size;
    }
    if (fetched.nextOffset > this.#to) cut(records.length, fetched.nextOffset);
    return added;
  }

  /** Forgets the oldest piece; gives its bytes. */
  dropOldest(): number {
    const piece = this.#pieces.shift();
    if (piece === undefined) return 0;
    this.#from = piece.part.nextOffset;
    return piece.bytes;
  }

  /** Forgets everything, and goes on at another offset; gives the bytes of what there was. */
  restart(offset: number): number {
    const bytes = this.#pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    this.#pieces.length = 0;
    this.#from = offset;
    this.#to = offset;
    return bytes;
  }

  /** About so many bytes from an offset that it holds on, but a piece at least, as answers to fetches would be. */
  read(offset: number, mostBytes: number): readonly Part[] {
    const found: Part[] = [];
    let bytes = 0;
    for (let i = this.#pieceAt(offset); i < this.#pieces.length; i += 1) {
      const piece = this.#pieces[i] as Piece;
      if (bytes > 0 && bytes + piece.bytes > mostBytes) break;
      bytes += piece.bytes;
      found.push(piece.from < offset ? since(piece.part, offset) : piece.part);
    }
    return found;
  }

  #pieceAt(offset: number): number {
    let low = 0;
    for (let high = this.#pieces.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((this.#pieces[middle] as Piece).part.nextOffset > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function since(part: Part, offset: number): FetchedPartition {
  const { topic, partition, nextOffset, lastStableOffset, highWatermark, logStartOffset } = part;
  return {
    topic,
    partition,
    records: part.records.filter((record) => record.offset >= offset),
    nextOffset,
    lastStableOffset,
    highWatermark,
    logStartOffset,
    unreadable: part.unreadable.filter(({ fromOffset }) => fromOffset >= offset),
  };
}

function sizeOf({ keyFrom, end }: StoredRecord): number {
  return end - keyFrom + RECORD_BYTES;
}
