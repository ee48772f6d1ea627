import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { encodeRecords, encodeResponse, encodeRest } from "./encode-response.js";
import type { Chunk, Run } from "./unread.js";

const encoded = new WeakMap<readonly StoredRecord[], Buffer>();

/** As encodeResponse; but records that others are given, too, are encoded once for all. */
export function sharedResponse(reader: string, chunk: Chunk): { readonly bytes: Buffer; readonly cursor: string } {
  if (!chunk.runs.some(({ shared }) => shared === true)) return encodeResponse(reader, chunk);
  const { bytes: rest, cursor } = encodeRest(reader, chunk);
  return { bytes: Buffer.concat([...chunk.runs.map(recordsOf), rest]), cursor };
}

function recordsOf(run: Run): Buffer {
  if (run.shared !== true) return encodeRecords([run]);
  let bytes = encoded.get(run.records);
  if (bytes === undefined) encoded.set(run.records, (bytes = encodeRecords([run])));
  return bytes;
}
