import { type Duration, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import {
  ActualState,
  DesiredState,
  type SourceStatus,
  type TriedRecord,
  type TrySourceResponse,
} from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { nameOfEnum } from "./json-text.js";

/**
 * How one source stands, as `/worker` gives it. The names are stable, and every one of them is always there: null
 * says "not known" or "not yet". Times are ISO 8601 in UTC, durations are in seconds. A count beyond 2^53 is a string.
 */
export interface WorkerSource {
  readonly source: string;
  /** Whether the start or stop that this answers changed the desired state. */
  readonly changed: boolean;
  /** `STARTED` or `STOPPED`. */
  readonly desiredState: string;
  /** `IDLE`, `POLLING`, `BACKING_OFF`, `STOPPED` or `FAILED`. */
  readonly actualState: string;
  /** When the actual state was entered. */
  readonly since: string | null;
  readonly url: string;
  readonly lastPollAt: string | null;
  readonly lastSuccessAt: string | null;
  readonly nextPollAt: string | null;
  readonly lastPollLatencySeconds: number | null;
  readonly lastHttpStatus: number | null;
  readonly lastError: string | null;
  readonly consecutiveFailures: number;
  readonly polls: number | string;
  readonly notModified: number | string;
  readonly recordsSinceStart: number | string;
  readonly recordsTotal: number | string;
  readonly duplicatesDropped: number | string;
  readonly deadLettered: number | string;
  /** The ingestor that polls the source, `host#pid#id`; null while nobody does. */
  readonly owner: string | null;
  /** The greatest value of the cursor's field so far. */
  readonly cursor: string | null;
  /** The page that is being read, from 1; 0 between polls. */
  readonly currentPage: number;
  /** What the remote API said last of its rate limit. */
  readonly rateLimit: { readonly remaining: number | string; readonly resetsAt: string | null } | null;
}

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
