import { type Timestamp, durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import {
  type Freshness,
  type RebuildProgress,
  type RebuildStoreResponse,
  StoppedReason,
  type StoppedEarly,
  type StoredSource,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { countJson } from "./data-text.js";
import { nameOfEnum } from "./json-text.js";
import type { FreshnessJson, StoppedJson } from "./openapi/records-api.js";
import { oneLine, recordText } from "./record-text.js";

/** The text of a streamed answer to a query. */
export interface RecordsWriter {
  readonly contentType: string;
  /** What stands before the first record. */
  readonly head: string;
  record(record: DataRecord): string;
  /** What stands behind the last one, where `next` goes on. */
  tail(next: string, stopped: StoppedJson | null): string;
}

/** A record a line, as `/data` writes it. */
export const lineWriter: RecordsWriter = {
  contentType: "application/x-ndjson; charset=utf-8",
  head: "",
  record: (record) => `${oneLine(recordText(record))}\n`,
  tail: (next, stopped) => (next === "" ? "" : `${JSON.stringify({ next, stopped })}\n`),
};

/**
 * RFC 4180. The value is the record's JSON as it is; bytes that are no JSON are a data URL (RFC 2397), which no JSON can look like; a
 * key's deletion is nothing. Fields are what they are: nothing is put before one that a spreadsheet would take for a formula.
 */
export const csvWriter: RecordsWriter = {
  contentType: "text/csv; charset=utf-8; header=present",
  head: "source,id,partition,offset,ingested_at,event_time,value\r\n",
  record: ({ source, id, partition, offset, ingestedAt, eventTime, payload }) => {
    const value =
      payload.case === "json"
        ? payload.value
        : payload.case === "binary"
          ? `data:application/octet-stream;base64,${Buffer.from(payload.value).toString("base64")}`
          : "";
    const fields = [source, id, String(partition), String(offset), csvTime(ingestedAt), csvTime(eventTime), value];
    return `${fields.map(csvField).join(",")}\r\n`;
  },
  tail: () => "",
};

function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvTime(at: Timestamp | undefined): string {
  return timeJson(at) ?? "";
}

function timeJson(at: Timestamp | undefined): string | null {
  return at === undefined ? null : timestampDate(at).toISOString();
}

/** How far the store is behind, as the JSON API gives it. */
export function freshnessJson(freshness: Freshness | undefined): FreshnessJson | null {
  if (freshness === undefined) return null;
  const { behind, completeUntil, checkedAt, problem, removedBefore } = freshness;
  return {
    behind: countJson(behind),
    completeUntil: timeJson(completeUntil),
    checkedAt: timeJson(checkedAt),
    problem: problem === "" ? null : problem,
    removedBefore: timeJson(removedBefore),
  };
}

/** What the store holds of a source, as the JSON API gives it. */
export function storedJson({ source, records, freshness, ttl, removed }: StoredSource) {
  return {
    source,
    records: countJson(records),
    freshness: freshnessJson(freshness),
    ttlSeconds: ttl === undefined ? null : durationMs(ttl) / 1000,
    removed: removed.map(({ partition, beforeOffset, before }) => ({
      partition,
      beforeOffset: countJson(beforeOffset),
      before: timeJson(before),
    })),
  };
}

/** Why an answer is not whole, as the JSON API gives it. */
export function stoppedJson(stopped: StoppedEarly | undefined): StoppedJson | null {
  if (stopped === undefined) return null;
  const { reason, scanned, detail } = stopped;
  return { reason: nameOfEnum(StoppedReason, reason), scanned: countJson(scanned), detail };
}

/** How far a rebuild is, as the JSON API gives it. */
export function progressJson({ done, total, elapsed }: RebuildProgress) {
  const seconds = elapsed === undefined ? 0 : Number(elapsed.seconds) + elapsed.nanos / 1e9;
  return { done: countJson(done), total: countJson(total), elapsedSeconds: seconds };
}

/** A line of the answer to a rebuild. */
export function rebuildLine({ progress, complete }: RebuildStoreResponse): string {
  const told = progress === undefined ? { done: 0, total: 0, elapsedSeconds: 0 } : progressJson(progress);
  return `${JSON.stringify({ progress: told, complete })}\n`;
}
