import { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import type { StoreRow } from "../store.js";

const none = Buffer.alloc(0);

/** A row as the record that lay in Kafka. */
export function recordOf({ offset, ingestedMs, key, value, headers, headerCount }: StoreRow): StoredRecord {
  const bytes = Buffer.concat([key ?? none, value ?? none, headers]);
  const valueFrom = key?.length ?? 0;
  const headersFrom = valueFrom + (value?.length ?? 0);
  return new StoredRecord(bytes, {
    offset,
    timestampMs: ingestedMs,
    keyFrom: 0,
    keyLength: key?.length ?? -1,
    valueFrom,
    valueLength: value?.length ?? -1,
    headersFrom,
    headerCount,
    end: bytes.length,
  });
}
