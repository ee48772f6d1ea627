import { timestampFromMs, durationFromMs } from "@bufbuild/protobuf/wkt";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ActualState,
  DesiredState,
  type SourceStatusSchema,
} from "@apispool/contracts/apispool/v1/worker_control_pb.js";

/** What a worker does at a moment. Times are milliseconds since the Unix epoch. */
export type WorkerState =
  | { readonly kind: "stopped" }
  /** Started, but another ingestor polls it, or it is not known yet who does. */
  | { readonly kind: "waiting" }
  /** Finds out what is in the log. */
  | { readonly kind: "recovering" }
  | { readonly kind: "idle"; readonly nextPollAt: number }
  | { readonly kind: "polling" }
  | { readonly kind: "backing_off"; readonly nextPollAt: number };

/** What a worker counts; everything since the process began. */
export interface WorkerCounters {
  polls: number;
  notModified: number;
  recordsSinceStart: number;
  duplicatesDropped: number;
  deadLettered: number;
  consecutiveFailures: number;
  /** By every ingestor that ever owned the source. */
  recordsTotal: number;
  lastPollAt: number | undefined;
  lastSuccessAt: number | undefined;
  lastPollLatencyMs: number | undefined;
  lastHttpStatus: number;
  lastError: string;
}

export function newCounters(): WorkerCounters {
  return {
    polls: 0,
    notModified: 0,
    recordsSinceStart: 0,
    duplicatesDropped: 0,
    deadLettered: 0,
    consecutiveFailures: 0,
    recordsTotal: 0,
    lastPollAt: undefined,
    lastSuccessAt: undefined,
    lastPollLatencyMs: undefined,
    lastHttpStatus: 0,
    lastError: "",
  };
}

export interface WorkerStatus {
  readonly source: string;
  /** Without credentials. */
  readonly url: string;
  readonly state: WorkerState;
  /** When the state was entered. */
  readonly since: number;
  readonly counters: Readonly<WorkerCounters>;
  /** The page that is being read, from 1; 0 between polls. */
  readonly page: number;
  /** Greatest value of the cursor's field so far. */
  readonly cursor: string | undefined;
  /** What the API said last of its rate limit. */
  readonly budget: { readonly remaining: number; readonly resetsAt: number } | undefined;
}

const actualStates: Readonly<Record<WorkerState["kind"], ActualState>> = {
  stopped: ActualState.STOPPED,
  waiting: ActualState.IDLE,
  recovering: ActualState.POLLING,
  idle: ActualState.IDLE,
  polling: ActualState.POLLING,
  backing_off: ActualState.BACKING_OFF,
};

export type SourceStatusInit = MessageInitShape<typeof SourceStatusSchema>;

/** A worker's status as the contract has it. */
export function toSourceStatus(
  { source, url, state, since, counters, page, cursor, budget }: WorkerStatus,
  desired: "STARTED" | "STOPPED",
  changed: boolean,
  owner: string,
): SourceStatusInit {
  return {
    source,
    changed,
    desiredState: desired === "STARTED" ? DesiredState.STARTED : DesiredState.STOPPED,
    actualState: actualStates[state.kind],
    since: timestampFromMs(since),
    url,
    ...(counters.lastPollAt === undefined ? {} : { lastPollAt: timestampFromMs(counters.lastPollAt) }),
    ...(counters.lastSuccessAt === undefined ? {} : { lastSuccessAt: timestampFromMs(counters.lastSuccessAt) }),
    ...("nextPollAt" in state ? { nextPollAt: timestampFromMs(Math.round(state.nextPollAt)) } : {}),
    recordsSinceStart: BigInt(counters.recordsSinceStart),
    recordsTotal: BigInt(counters.recordsTotal),
    duplicatesDropped: BigInt(counters.duplicatesDropped),
    deadLettered: BigInt(counters.deadLettered),
    consecutiveFailures: counters.consecutiveFailures,
    lastError: counters.lastError,
    ...(counters.lastPollLatencyMs === undefined
      ? {}
      : { lastPollLatency: durationFromMs(Math.round(counters.lastPollLatencyMs)) }),
    polls: BigInt(counters.polls),
    notModified: BigInt(counters.notModified),
    lastHttpStatus: counters.lastHttpStatus,
    owner,
    cursor: cursor ?? "",
    currentPage: page,
    ...(budget === undefined
      ? {}
      : {
          rateLimit: { remaining: BigInt(budget.remaining), resetsAt: timestampFromMs(Math.round(budget.resetsAt)) },
        }),
  };
}
