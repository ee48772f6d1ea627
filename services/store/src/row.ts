import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { eventTimeMs } from "@apispool/record-codec/event-time.js";
import { type RecordFields, base64, isJson, isText } from "@apispool/record-codec/record-fields.js";
import { isSayable } from "@apispool/record-codec/timestamp-range.js";
import { part } from "@apispool/record-codec/wire-writer.js";
import type { StoreRow } from "@apispool/record-store/store.js";

/** No database keeps any larger time, and nobody can be told of one: others write anything. */
const MOST_MS = 8e15;

/** A record as a store keeps it: the same id, times and kind of value as readers are told. Its buffers are views of the record's. */
export function rowOf(record: StoredRecord, source: string, partition: number, fields: RecordFields): StoreRow {
  fields.read(record);
  const { bytes, offset, timestampMs, valueFrom, valueLength, headersFrom, end, headerCount } = record;
  const eventMs = fields.timeLength < 0 ? undefined : eventTimeMs(bytes, fields.timeFrom, fields.timeLength);
  return {
    source,
    partition,
    offset,
    id: idOf(record, fields),
    ingestedMs: Math.max(-MOST_MS, Math.min(MOST_MS, timestampMs)),
    eventMs: eventMs !== undefined && isSayable(eventMs) ? eventMs : undefined,
    key: record.key,
    value: record.value,
    isJson: valueLength >= 0 && isJson(part(bytes, valueFrom, valueLength), fields),
    headers: bytes.subarray(headersFrom, end),
    headerCount,
  };
}

/** As writeRecord has it: the header's, else the key, which is the best name that a record of others has. */
function idOf({ bytes, keyFrom, keyLength }: StoredRecord, { idFrom, idLength }: RecordFields): string {
  if (idLength >= 0) return bytes.toString("utf8", idFrom, idFrom + idLength);
  if (keyLength <= 0) return "";
  const isUtf8 = isText(bytes, keyFrom, keyLength);
  return isUtf8
    ? bytes.toString("utf8", keyFrom, keyFrom + keyLength)
    : base64(part(bytes, keyFrom, keyLength)).toString("latin1");
}
