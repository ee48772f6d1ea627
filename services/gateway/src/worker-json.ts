import { type Duration, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { ActualState, DesiredState, type SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
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
  };
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
