import { type Duration, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import {
  ActualState,
  DesiredState,
  type SourceStatus,
  type TriedRecord,
  type TrySourceResponse,
} from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { nameOfEnum } from "./json-text.js";
import type { WorkerSource } from "./openapi/worker-api.js";

/** A status as people want to read it. */
export function workerSource(status: SourceStatus): WorkerSource {
  return {
    source: status.source,
    changed: status.changed,
    desiredState: nameOfEnum(DesiredState, status.desiredState),
    actualState: nameOfEnum(ActualState, status.actualState),
    since: time(status.since),
    url: status.url,
    lastPollAt: time(status.lastPollAt),
    lastSuccessAt: time(status.lastSuccessAt),
    nextPollAt: time(status.nextPollAt),
    lastPollLatencySeconds: seconds(status.lastPollLatency),
    lastHttpStatus: status.lastHttpStatus === 0 ? null : status.lastHttpStatus,
    lastError: status.lastError === "" ? null : status.lastError,
    consecutiveFailures: status.consecutiveFailures,
    polls: count(status.polls),
    notModified: count(status.notModified),
    recordsSinceStart: count(status.recordsSinceStart),
    recordsTotal: count(status.recordsTotal),
    duplicatesDropped: count(status.duplicatesDropped),
    deadLettered: count(status.deadLettered),
    owner: status.owner === "" ? null : status.owner,
    cursor: status.cursor === "" ? null : status.cursor,
    currentPage: status.currentPage,
    rateLimit:
      status.rateLimit === undefined
        ? null
        : { remaining: count(status.rateLimit.remaining), resetsAt: time(status.rateLimit.resetsAt) },
  };
}

/**
 * What a try of a source found, as `POST /worker` with `"command":"test"` gives it, as JSON text: the records' own JSON
 * is put in as it is, never parsed and printed again.
 */
export function triedSource(source: string, tried: TrySourceResponse): string {
  const fields: [string, string][] = [
    ["source", JSON.stringify(source)],
    ["records", `[${tried.records.map(triedRecord).join(",")}]`],
    ["recordsTotal", JSON.stringify(count(tried.recordsTotal))],
    [
      "deadLetters",
      JSON.stringify(tried.deadLetters.map(({ place, reason, raw }) => ({ place, reason, raw: text(raw) }))),
    ],
    ["deadLettersTotal", JSON.stringify(count(tried.deadLettersTotal))],
    ["duplicates", JSON.stringify(count(tried.duplicates))],
    [
      "requests",
      JSON.stringify(
        tried.requests.map(({ method, url, status }) => ({ method, url, status: status === 0 ? null : status })),
      ),
    ],
    ["pages", String(tried.pages)],
    ["more", String(tried.more)],
    ["nextCursor", JSON.stringify(tried.nextCursor === "" ? null : tried.nextCursor)],
    ["error", JSON.stringify(tried.error === "" ? null : tried.error)],
  ];
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

function triedRecord({ id, key, json, eventTime }: TriedRecord): string {
  const when = JSON.stringify(eventTime === "" ? null : eventTime);
  return `{"id":${JSON.stringify(id)},"key":${JSON.stringify(key)},"eventTime":${when},"record":${json}}`;
}

/** Bytes as text; what is not UTF-8 shows as the replacement character. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

function time(at: Timestamp | undefined): string | null {
  return at === undefined ? null : timestampDate(at).toISOString();
}

function seconds(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) + duration.nanos / 1e9;
}

function count(value: bigint): number | string {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}
