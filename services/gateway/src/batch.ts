import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type FetchUnreadResponse,
  FetchUnreadResponseSchema,
  type Gap,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { contentOf, enveloped } from "./envelope.js";
import { WireReader } from "./wire-reader.js";

/** The tag of `records`: field 1, length-delimited. */
const RECORDS = 0x0a;

/**
 * A FetchUnreadResponse as it came from the reader. Of its records only the bytes are known, and where each one lies: most
 * of them are handed on as they are, or put into JSON.
 */
export class Batch {
  /** The message as it travels in a gRPC stream. */
  readonly envelope: Buffer;
  /** The message. */
  readonly bytes: Buffer;
  readonly cursor: string;
  readonly gaps: readonly Gap[];
  readonly complete: boolean;
  /** Behind the last of the records, which stand first. */
  readonly #recordsEnd: number;

  /** A FetchUnreadResponse in its envelope, which is not copied. Throws when it is none. */
  constructor(envelope: Buffer) {
    this.envelope = envelope;
    this.bytes = contentOf(envelope);
    let end = endOfRecords(this.bytes);
    let rest = fromBinary(FetchUnreadResponseSchema, this.bytes.subarray(end));
    if (rest.records.length > 0) {
      // A valid order, too, only not this project's reader's.
      this.envelope = enveloped(toBinary(FetchUnreadResponseSchema, this.decoded()));
      this.bytes = contentOf(this.envelope);
      end = endOfRecords(this.bytes);
      rest = fromBinary(FetchUnreadResponseSchema, this.bytes.subarray(end));
    }
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
