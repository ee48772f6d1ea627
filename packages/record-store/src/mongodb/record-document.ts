import { Binary } from "mongodb";
import type { StoreRow } from "../store.js";
import { jsonOf } from "../where/evaluate.js";
import { documentOf } from "./value-document.js";

/** A record as a document. Everything that Kafka has of it is in its bytes; `value` is for `where`, and for people. */
export interface RecordDocument {
  /** Source, partition and offset, such that those of a partition are in its order. */
  readonly _id: string;
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
  readonly id: string;
  readonly ingested: Date;
  readonly event?: Date;
  /** No later version was there when it was last looked; set of the newest always. */
  readonly newest: boolean;
  readonly json: boolean;
  /** What `documentOf` makes of its JSON. */
  readonly value?: unknown;
  /** It is JSON that BSON cannot hold: `where` has to look at the bytes. */
  readonly opaque?: true;
  /** Of key, value and headers. */
  readonly bytes: number;
  readonly headerCount: number;
  readonly headers: Binary;
  readonly key: Binary | null;
  readonly raw: Binary | null;
}

export function documentId(source: string, partition: number, offset: number): string {
  return `${source}/${partition}/${String(offset).padStart(16, "0")}`;
}

export function toDocument(row: StoreRow, newest: boolean): RecordDocument {
  const { source, partition, offset, id, key, value: raw, headers } = row;
  const json = row.isJson ? jsonOf(raw) : undefined;
  const value = json === undefined ? undefined : documentOf(json, raw?.length ?? 0);
  return {
    _id: documentId(source, partition, offset),
    source,
    partition,
    offset,
    id,
    ingested: new Date(row.ingestedMs),
    ...(row.eventMs === undefined ? {} : { event: new Date(row.eventMs) }),
    newest,
    json: row.isJson,
    ...(value === undefined ? {} : { value }),
    ...(json !== undefined && value === undefined ? { opaque: true as const } : {}),
    bytes: (key?.length ?? 0) + (raw?.length ?? 0) + headers.length,
    headerCount: row.headerCount,
    headers: new Binary(headers),
    key: key === null ? null : new Binary(key),
    raw: raw === null ? null : new Binary(raw),
  };
}

/** What `toRow` needs: the value taken apart would be twice the bytes for nothing. */
export const rowProjection = { value: 0, opaque: 0 } as const;

export function toRow(document: RecordDocument): StoreRow {
  return {
    source: document.source,
    partition: document.partition,
    offset: document.offset,
    id: document.id,
    ingestedMs: document.ingested.getTime(),
    eventMs: document.event?.getTime(),
    key: bytesOf(document.key),
    value: bytesOf(document.raw),
    isJson: document.json,
    headers: bytesOf(document.headers) ?? Buffer.alloc(0),
    headerCount: document.headerCount,
  };
}

function bytesOf(binary: Binary | null): Buffer | null {
  return binary === null ? null : Buffer.from(binary.buffer.buffer, binary.buffer.byteOffset, binary.position);
}
