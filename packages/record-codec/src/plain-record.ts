import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { eventTimeMs } from "./event-time.js";
import { type RecordFields, base64, isJson, isText } from "./record-fields.js";
import { isRecordTime, isSayable } from "./timestamp-range.js";
import { type WireWriter, part, varintSize } from "./wire-writer.js";

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
const MAP_KEY = 0x0a;
const MAP_VALUE = 0x12;

/** More than what stands between the parts of a record, whatever its numbers are. */
const FRAME = 100;
/** The same for a header. */
const HEADER_FRAME = 24;

/** Writes any record as one of a FetchUnreadResponse's `records`, field by field. */
export function writeRecord(
  writer: WireWriter,
  fields: RecordFields,
  record: StoredRecord,
  source: Buffer,
  partition: number,
): void {
  const { bytes, offset, timestampMs, keyFrom, keyLength, valueFrom, valueLength, headersFrom, end } = record;
  fields.read(record);
  // Three times: bytes that are no text become longer in base64, or each of them "�".
  const texts = 3 * (Math.max(0, keyLength) + end - headersFrom);
  writer.ensure(FRAME + source.length + Math.max(0, valueLength) + texts + HEADER_FRAME * fields.count);
  const start = writer.begin(RECORDS);
  if (source.length > 0) writer.field(SOURCE, source);
  if (fields.idLength > 0) writer.span(ID, bytes, fields.idFrom, fields.idLength);
  // The Kafka key of a record that others wrote is the best name it has.
  else if (fields.idLength < 0 && keyLength > 0) {
    if (isText(bytes, keyFrom, keyLength)) writer.span(ID, bytes, keyFrom, keyLength);
    else writer.field(ID, base64(part(bytes, keyFrom, keyLength)));
  }
  if (partition !== 0) writer.number(PARTITION, partition);
  if (offset !== 0) writer.number(OFFSET, offset);
  if (isRecordTime(timestampMs)) writer.timestamp(INGESTED_AT, timestampMs);
  const eventTime = fields.timeLength < 0 ? undefined : eventTimeMs(bytes, fields.timeFrom, fields.timeLength);
  if (eventTime !== undefined && isSayable(eventTime)) writer.timestamp(EVENT_TIME, eventTime);
  for (let i = 0; i < fields.count; i += 1) writeHeader(writer, fields, i, bytes);
  // One of a oneof is written even when it is empty.
  if (valueLength >= 0) {
    const value = part(bytes, valueFrom, valueLength);
    writer.field(isJson(value, fields) ? JSON_PAYLOAD : BINARY_PAYLOAD, value);
  }
  writer.end(start);
}

function writeHeader(writer: WireWriter, fields: RecordFields, header: number, bytes: Buffer): void {
  const nameFrom = fields.nameFrom(header);
  const nameLength = fields.nameLength(header);
  const valueFrom = fields.valueFrom(header);
  const valueLength = fields.valueLength(header);
  writer.byte(HEADERS);
  const start = writer.at;
  writer.varint(lengthPrefixed(nameLength) + lengthPrefixed(valueLength));
  // In a map's entry both are written, empty or not.
  const plainName = writer.asciiSpan(MAP_KEY, bytes, nameFrom, nameLength);
  if (writer.asciiSpan(MAP_VALUE, bytes, valueFrom, valueLength) && plainName) return;
  writer.back(start);
  const name = Buffer.from(bytes.toString("utf8", nameFrom, nameFrom + nameLength));
  const raw = part(bytes, valueFrom, valueLength);
  const value = isText(raw, 0, valueLength) ? raw : base64(raw);
  writer.varint(lengthPrefixed(name.length) + lengthPrefixed(value.length));
  writer.field(MAP_KEY, name);
  writer.field(MAP_VALUE, value);
}

function lengthPrefixed(length: number): number {
  return 1 + varintSize(length) + length;
}
