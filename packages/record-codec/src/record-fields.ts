import { isUtf8 } from "node:buffer";
import { type StoredRecord, VarintWalk } from "@apispool/kafka-log/stored-record.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import { part } from "./wire-writer.js";

/** Apispool's own bookkeeping, of no use to readers. */
const OWN_PREFIX = Buffer.from("apispool-");
const HASH = Buffer.from(recordHeaders.hash);
const ID = Buffer.from(recordHeaders.id);
const TIME = Buffer.from(recordHeaders.time);
const CONTENT_TYPE = Buffer.from(recordHeaders.contentType);
const JSON_TYPE = Buffer.from("application/json");

// The places of a header's numbers among those of all.
const NAME_FROM = 0;
const NAME_LENGTH = 1;
const VALUE_FROM = 2;
const VALUE_LENGTH = 3;
const NUMBERS = 4;

/**
 * What a record's headers say, by their places in its bytes, so that nothing is made of what only passes through. One of
 * them serves for any number of records, one after the other.
 */
export class RecordFields {
  #spans = new Int32Array(16 * NUMBERS);
  /** Headers that are shown; Apispool's own are not. */
  count = 0;
  idFrom = 0;
  /** -1: there is none that is text. */
  idLength = -1;
  timeFrom = 0;
  /** -1: there is none that is text. */
  timeLength = -1;
  /** Apispool wrote the record, and says that it is JSON. */
  isOurJson = false;

  /** Takes the headers of a record apart. */
  read({ bytes, headersFrom, headerCount }: StoredRecord): void {
    this.count = 0;
    this.idLength = -1;
    this.timeLength = -1;
    let hashed = false;
    let typed = false;
    if (this.#spans.length < headerCount * NUMBERS) this.#spans = new Int32Array(headerCount * NUMBERS * 2);
    const spans = this.#spans;
    const walk = new VarintWalk(bytes, headersFrom);
    for (let i = 0; i < headerCount; i += 1) {
      const nameLength = walk.next();
      const nameFrom = walk.at;
      walk.at += nameLength;
      const valueLength = walk.next();
      const valueFrom = walk.at;
      if (valueLength > 0) walk.at += valueLength;
      if (nameLength >= OWN_PREFIX.length && isAt(OWN_PREFIX, bytes, nameFrom)) {
        hashed ||= isAll(HASH, bytes, nameFrom, nameLength);
        continue;
      }
      const at = this.count * NUMBERS;
      spans[at + NAME_FROM] = nameFrom;
      spans[at + NAME_LENGTH] = nameLength;
      spans[at + VALUE_FROM] = valueFrom;
      spans[at + VALUE_LENGTH] = Math.max(0, valueLength);
      this.count += 1;
      if (valueLength < 0) continue;
      if (isAll(ID, bytes, nameFrom, nameLength)) {
        if (!isText(bytes, valueFrom, valueLength)) continue;
        this.idFrom = valueFrom;
        this.idLength = valueLength;
      } else if (isAll(TIME, bytes, nameFrom, nameLength)) {
        if (!isText(bytes, valueFrom, valueLength)) continue;
        this.timeFrom = valueFrom;
        this.timeLength = valueLength;
      } else if (isAll(CONTENT_TYPE, bytes, nameFrom, nameLength)) {
        if (isText(bytes, valueFrom, valueLength)) typed = isAll(JSON_TYPE, bytes, valueFrom, valueLength);
      }
    }
    this.isOurJson = hashed && typed;
  }

  nameFrom(header: number): number {
    return this.#spans[header * NUMBERS + NAME_FROM] as number;
  }

  nameLength(header: number): number {
    return this.#spans[header * NUMBERS + NAME_LENGTH] as number;
  }

  valueFrom(header: number): number {
    return this.#spans[header * NUMBERS + VALUE_FROM] as number;
  }

  /** 0 where there is no value, too. */
  valueLength(header: number): number {
    return this.#spans[header * NUMBERS + VALUE_LENGTH] as number;
  }
}

function isAt(wanted: Uint8Array, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < wanted.length; i += 1) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}

function isAll(wanted: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  return length === wanted.length && isAt(wanted, bytes, from);
}

/** Whether bytes are ASCII, as most are; told without a call for each few bytes. */
function isAscii(bytes: Uint8Array, from: number, length: number): boolean {
  let all = 0;
  for (let i = from; i < from + length; i += 1) all |= bytes[i] as number;
  return all < 128;
}

/** Whether bytes are UTF-8. */
export function isText(bytes: Uint8Array, from: number, length: number): boolean {
  return isAscii(bytes, from, length) || isUtf8(part(bytes, from, length));
}

/** Bytes that are no text, as text. */
export function base64(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"), "latin1");
}

/** JSON goes into JSON answers as it is, so what others wrote is only taken for it when it is. */
export function isJson(value: Uint8Array, { isOurJson }: RecordFields): boolean {
  if (!isUtf8(value)) return false;
  if (isOurJson) return true;
  try {
    JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
