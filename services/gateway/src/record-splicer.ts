import { fromBinary } from "@bufbuild/protobuf";
import { RecordSchema } from "@apispool/contracts/apispool/v1/record_pb.js";
import type { Batch } from "./batch.js";
import { JsonWriter } from "./json-writer.js";
import { oneLine, recordText } from "./record-text.js";
import { WireReader } from "./wire-reader.js";

// Record's fields in the wire format.
const SOURCE = 0x0a;
const ID = 0x12;
const PARTITION = 0x18;
const OFFSET = 0x20;
const INGESTED_AT = 0x2a;
const EVENT_TIME = 0x32;
const HEADER = 0x3a;
const JSON_PAYLOAD = 0x42;
const BINARY_PAYLOAD = 0x4a;
const MAP_KEY = 0x0a;
const MAP_VALUE = 0x12;
const SECONDS = 0x08;
const NANOS = 0x10;

const LF = 10;
const CR = 13;
const COMMA = 0x2c;
const COLON = 0x3a;

const text = {
  source: Buffer.from('{"source":'),
  id: Buffer.from(',"id":'),
  partition: Buffer.from(',"partition":'),
  offset: Buffer.from(',"offset":'),
  ingestedAt: Buffer.from(',"ingestedAt":'),
  eventTime: Buffer.from(',"eventTime":'),
  headers: Buffer.from(',"headers":{'),
  data: Buffer.from(',"data":'),
  binary: Buffer.from(',"binary":"'),
  end: Buffer.from('"}'),
  none: Buffer.from("null"),
  tombstone: Buffer.from('null,"tombstone":true'),
};
/** More than these and the numbers take. */
const FRAME = 300;
const HEADER_NUMBERS = 4;
const MOST_HEADERS = 32;
/** The last second that toISOString writes with four digits of a year. */
const LAST_SECOND = 253_402_300_799;

/** How records follow each other. */
interface Framing {
  /** A record has no line break within. */
  readonly oneLine: boolean;
  readonly before: Buffer;
  /** Stands between two records, before the second one's `before`. */
  readonly between: Buffer;
  readonly after: Buffer;
  /** Whether the batches are one list, or each begins anew. */
  readonly across: boolean;
}

const framing = (text: readonly [string, string, string], rest: Pick<Framing, "oneLine" | "across">): Framing => {
  const [before, between, after] = text;
  return { before: Buffer.from(before), between: Buffer.from(between), after: Buffer.from(after), ...rest };
};

const framings = {
  /** The items of a JSON list. */
  list: framing(["", ",\n", ""], { oneLine: false, across: true }),
  /** NDJSON: each on a line of its own. */
  lines: framing(["", "", "\n"], { oneLine: true, across: false }),
  /** Server-sent events; the last one of a batch is still open, for its `id`. */
  events: framing(["data: ", "\n", "\n"], { oneLine: true, across: false }),
};

/**
 * Puts records into JSON text straight from the wire format: an object for each record and text made of its fields cost
 * several times as much. What comes out is what `recordText` makes of the same record, byte for byte; what is out of the
 * ordinary is left to it.
 */
export class RecordSplicer {
  readonly #framing: Framing;
  #any = false;
  /** How much longer the last batch became as text; the next one is mostly alike. */
  #growth = 1.2;

  constructor(form: keyof typeof framings) {
    this.#framing = framings[form];
  }

  /** The text for a batch's records, with `head` before it and `tail` behind. */
  batch(batch: Batch, head: string, tail = ""): Buffer {
    const { bytes } = batch;
    const { oneLine: lines, before, between, after, across } = this.#framing;
    if (!across) this.#any = false;
    const around = (head.length + tail.length) * 3 + 2 * FRAME;
    const writer = new JsonWriter(Math.ceil(bytes.length * this.#growth * 1.05) + around);
    writer.text(head);
    const fields = new Fields(bytes);
    batch.forEachRecord((from, end) => {
      writer.ensure(end - from + FRAME);
      if (this.#any) writer.all(between);
      this.#any = true;
      writer.all(before);
      if (fields.read(from, end) && !(lines && fields.hasLineBreak())) fields.write(writer);
      else {
        const plain = recordText(fromBinary(RecordSchema, bytes.subarray(from, end)));
        writer.text(lines ? oneLine(plain) : plain);
        writer.ensure(FRAME);
      }
      writer.all(after);
    });
    if (bytes.length > 10 * FRAME) this.#growth = writer.length / bytes.length;
    writer.text(tail);
    return writer.done();
  }
}

/** Where the fields of one record lie; one serves for all records of a batch. */
class Fields {
  readonly #bytes: Buffer;
  readonly #headers = new Int32Array(MOST_HEADERS * HEADER_NUMBERS);
  #headerCount = 0;
  #length = 0;
  #sourceFrom = 0;
  #sourceLength = 0;
  #idFrom = 0;
  #idLength = 0;
  #partition = 0;
  #offset = 0;
  readonly #ingestedAt = new Time();
  readonly #eventTime = new Time();
  #payload: "json" | "binary" | "none" = "none";
  #payloadFrom = 0;
  #payloadLength = 0;
  /** The first carriage return at or after the place that was last asked about. */
  #nextReturn = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Finds a record's fields. False for what `recordText` has to do. */
  read(from: number, end: number): boolean {
    const reader = new WireReader(this.#bytes, from, end);
    this.#length = end - from;
    this.#headerCount = 0;
    this.#sourceLength = 0;
    this.#idLength = 0;
    this.#partition = 0;
    this.#offset = 0;
    this.#ingestedAt.known = false;
    this.#eventTime.known = false;
    this.#payload = "none";
    while (!reader.atEnd) {
      const tag = reader.varint();
      const value = reader.varint();
      if (tag === PARTITION) {
        this.#partition = value;
        continue;
      }
      if (tag === OFFSET) {
        this.#offset = value;
        continue;
      }
      const { at } = reader;
      if (tag === SOURCE) {
        this.#sourceFrom = at;
        this.#sourceLength = value;
      } else if (tag === ID) {
        this.#idFrom = at;
        this.#idLength = value;
      } else if (tag === INGESTED_AT) {
        if (!this.#ingestedAt.read(this.#bytes, at, at + value)) return false;
      } else if (tag === EVENT_TIME) {
        if (!this.#eventTime.read(this.#bytes, at, at + value)) return false;
      } else if (tag === HEADER) {
        if (!this.#addHeader(at, at + value)) return false;
      } else if (tag === JSON_PAYLOAD || tag === BINARY_PAYLOAD) {
        this.#payload = tag === JSON_PAYLOAD ? "json" : "binary";
        this.#payloadFrom = at;
        this.#payloadLength = value;
      } else return false;
      reader.skip(value);
    }
    return this.#partition <= 0x7fffffff && this.#offset <= Number.MAX_SAFE_INTEGER;
  }

  /** In valid JSON a line break can only be white space between tokens. */
  hasLineBreak(): boolean {
    if (this.#payload !== "json") return false;
    const from = this.#payloadFrom;
    const end = from + this.#payloadLength;
    // Mostly that is the next record's tag, so the search ends there.
    const lineFeed = this.#bytes.indexOf(LF, from);
    if (lineFeed !== -1 && lineFeed < end) return true;
    if (this.#nextReturn < from) {
      const found = this.#bytes.indexOf(CR, from);
      this.#nextReturn = found === -1 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#nextReturn < end;
  }

  /** Needs as much room as the record takes, and FRAME. */
  write(writer: JsonWriter): void {
    const bytes = this.#bytes;
    const reserve = this.#length + FRAME;
    writer.all(text.source);
    writer.string(bytes, this.#sourceFrom, this.#sourceLength, reserve);
    writer.all(text.id);
    writer.string(bytes, this.#idFrom, this.#idLength, reserve);
    writer.all(text.partition);
    writer.number(this.#partition);
    writer.all(text.offset);
    writer.number(this.#offset);
    writer.all(text.ingestedAt);
    this.#ingestedAt.write(writer);
    writer.all(text.eventTime);
    this.#eventTime.write(writer);
    if (this.#headerCount > 0) this.#writeHeaders(writer, reserve);
    this.#writePayload(writer);
  }

  #writeHeaders(writer: JsonWriter, reserve: number): void {
    const bytes = this.#bytes;
    const headers = this.#headers;
    writer.all(text.headers);
    for (let i = 0; i < this.#headerCount * HEADER_NUMBERS; i += HEADER_NUMBERS) {
      if (i > 0) writer.byte(COMMA);
      writer.string(bytes, headers[i] as number, headers[i + 1] as number, reserve);
      writer.byte(COLON);
      writer.string(bytes, headers[i + 2] as number, headers[i + 3] as number, reserve);
    }
    writer.byte(CLOSE);
  }

  #writePayload(writer: JsonWriter): void {
    const bytes = this.#bytes;
    const from = this.#payloadFrom;
    const length = this.#payloadLength;
    if (this.#payload === "binary") {
      const base64 = bytes.toString("base64", from, from + length);
      writer.all(text.binary);
      writer.text(base64);
      writer.ensure(FRAME);
      writer.all(text.end);
      return;
    }
    writer.all(text.data);
    if (this.#payload === "none") writer.all(text.tombstone);
    else writer.span(bytes, from, length);
    writer.byte(CLOSE);
  }

  /**
   * Adds an entry of `headers`. False where the object that recordText makes of them has another order, or fewer: names
   * that begin with a digit, and names that come twice.
   */
  #addHeader(from: number, end: number): boolean {
    if (this.#headerCount === MOST_HEADERS) return false;
    const bytes = this.#bytes;
    const reader = new WireReader(bytes, from, end);
    if (reader.atEnd || reader.varint() !== MAP_KEY) return false;
    const nameLength = reader.varint();
    const nameFrom = reader.at;
    reader.skip(nameLength);
    if (reader.atEnd || reader.varint() !== MAP_VALUE) return false;
    const valueLength = reader.varint();
    const valueFrom = reader.at;
    reader.skip(valueLength);
    if (!reader.atEnd) return false;
    const first = nameLength === 0 ? 0 : (bytes[nameFrom] as number);
    if ((first >= DIGIT_0 && first <= DIGIT_9) || this.#hasHeader(nameFrom, nameLength)) return false;
    const at = this.#headerCount * HEADER_NUMBERS;
    this.#headers[at] = nameFrom;
    this.#headers[at + 1] = nameLength;
    this.#headers[at + 2] = valueFrom;
    this.#headers[at + 3] = valueLength;
    this.#headerCount += 1;
    return true;
  }

  #hasHeader(from: number, length: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < this.#headerCount * HEADER_NUMBERS; i += HEADER_NUMBERS) {
      if (this.#headers[i + 1] !== length) continue;
      const other = this.#headers[i] as number;
      let same = 0;
      while (same < length && bytes[from + same] === bytes[other + same]) same += 1;
      if (same === length) return true;
    }
    return false;
  }
}

const CLOSE = 0x7d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const QUOTE = 0x22;

/** A google.protobuf.Timestamp, and its text. */
class Time {
  known = false;
  #seconds = 0;
  #nanos = 0;
  /** The day that was last written: records that follow each other are mostly of the same one. */
  #day = 0;
  #dayText = Buffer.from("1970-01-01T");

  /** False for what is out of the ordinary. */
  read(bytes: Buffer, from: number, end: number): boolean {
    // Twice in one message: the wire format has them put together.
    if (this.known) return false;
    this.known = true;
    this.#seconds = 0;
    this.#nanos = 0;
    const reader = new WireReader(bytes, from, end);
    while (!reader.atEnd) {
      const tag = reader.varint();
      const value = reader.varint();
      if (tag === SECONDS) this.#seconds = value;
      else if (tag === NANOS) this.#nanos = value;
      else return false;
    }
    return this.#seconds <= LAST_SECOND && this.#nanos < 1e9;
  }

  /** As toISOString has it. */
  write(writer: JsonWriter): void {
    if (!this.known) {
      writer.all(text.none);
      return;
    }
    const day = Math.floor(this.#seconds / 86_400);
    if (day !== this.#day) {
      this.#day = day;
      this.#dayText = Buffer.from(new Date(day * 86_400_000).toISOString().slice(0, 11));
    }
    const second = this.#seconds - day * 86_400;
    writer.byte(QUOTE);
    writer.all(this.#dayText);
    writer.digits((second / 3600) | 0, 2);
    writer.byte(COLON);
    writer.digits(((second / 60) | 0) % 60, 2);
    writer.byte(COLON);
    writer.digits(second % 60, 2);
    writer.byte(DOT);
    writer.digits((this.#nanos / 1e6) | 0, 3);
    writer.byte(Z);
    writer.byte(QUOTE);
  }
}

const DOT = 0x2e;
const Z = 0x5a;
