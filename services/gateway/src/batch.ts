import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type FetchUnreadResponse,
  FetchUnreadResponseSchema,
  type Gap,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WireReader } from "./wire-reader.js";

/** The tag of `records`: field 1, length-delimited. */
const RECORDS = 0x0a;

/**
 * A FetchUnreadResponse as it came from the reader. Of its records only the bytes are known, and where each one lies: most
 * of them are handed on as they are, or put into JSON.
 */
export class Batch {
  readonly bytes: Buffer;
  readonly cursor: string;
  readonly gaps: readonly Gap[];
  readonly complete: boolean;
  /** Behind the last of the records, which stand first. */
  readonly #recordsEnd: number;

  /** The bytes of a FetchUnreadResponse; they are not copied. Throws when they are none. */
  constructor(bytes: Buffer) {
    let all = bytes;
    let end = endOfRecords(all);
    let rest = fromBinary(FetchUnreadResponseSchema, all.subarray(end));
    if (rest.records.length > 0) {
      // A valid order, too, only not this project's reader's.
      const message = toBinary(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, all));
      all = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
      end = endOfRecords(all);
      rest = fromBinary(FetchUnreadResponseSchema, all.subarray(end));
    }
    this.bytes = all;
    this.#recordsEnd = end;
    this.cursor = rest.cursor;
    this.gaps = rest.gaps;
    this.complete = rest.complete;
  }

  get hasRecords(): boolean {
    return this.#recordsEnd > 0;
  }

  /** Nothing is told by it but how far reading has come. */
  get empty(): boolean {
    return !this.hasRecords && this.gaps.length === 0;
  }

  /** Calls for every record with the place of its message in `bytes`. */
  forEachRecord(call: (from: number, end: number) => void): void {
    const reader = new WireReader(this.bytes, 0, this.#recordsEnd);
    while (!reader.atEnd) {
      reader.varint();
      const length = reader.varint();
      call(reader.at, reader.at + length);
      reader.at += length;
    }
  }

  /** The message as an object, with an object for each record. */
  decoded(): FetchUnreadResponse {
    return fromBinary(FetchUnreadResponseSchema, this.bytes);
  }

  /**
   * The message for whoever encodes it again, and does nothing else with it: protobuf-es keeps what it does not know
   * in its wire form, and gives it back so. Here that is the whole message, from behind its first tag on.
   */
  undecoded(): FetchUnreadResponse {
    const message = create(FetchUnreadResponseSchema);
    if (this.bytes.length === 0) return message;
    const tag = new WireReader(this.bytes, 0, this.bytes.length);
    const value = tag.varint();
    message.$unknown = [{ no: value >>> 3, wireType: value & 7, data: this.bytes.subarray(tag.at) }];
    return message;
  }
}

function endOfRecords(bytes: Buffer): number {
  const reader = new WireReader(bytes, 0, bytes.length);
  while (!reader.atEnd && bytes[reader.at] === RECORDS) {
    reader.at += 1;
    const length = reader.varint();
    reader.skip(length);
  }
  return reader.at;
}
