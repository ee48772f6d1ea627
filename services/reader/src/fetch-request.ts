import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { AckMode, type FetchUnreadRequest, type StartAt } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { type RecordFilter, filterOf } from "./filter/record-filter.js";
import { readerProblem } from "./reader-name.js";
import type { Start } from "./positions.js";

const MOST_MS = 300_000;

/** A fetch as it was asked for, checked, and with every default filled in. */
export interface FetchSpec {
  readonly reader: string;
  readonly sources: readonly string[];
  /** Infinity: no limit. */
  readonly limit: number;
  /** Infinity: no limit. */
  readonly maxBytes: number;
  readonly follow: boolean;
  readonly waitMs: number;
  readonly ack: "auto" | "manual" | "lease";
  readonly ackCursor: string;
  readonly since: string;
  readonly start: Start;
  readonly leaseMs: number;
  /** Undefined: every record is delivered. */
  readonly filter: RecordFilter | undefined;
}

const modes: Readonly<Record<number, FetchSpec["ack"]>> = {
  [AckMode.UNSPECIFIED]: "auto",
  [AckMode.AUTO]: "auto",
  [AckMode.MANUAL]: "manual",
  [AckMode.LEASE]: "lease",
};

/** Checks a request; throws INVALID_ARGUMENT that names everything that is wrong with it. */
export function fetchSpec(request: FetchUnreadRequest): FetchSpec {
  const problems: FieldProblem[] = readerProblem(request.reader);
  const wrong = (field: string, problem: string): void => void problems.push({ field, problem });
  const ack = modes[request.ack];
  if (ack === undefined) wrong("ack", `${request.ack} is no mode; it must be AUTO, MANUAL or LEASE`);
  const waitMs = request.wait === undefined ? 0 : durationMs(request.wait);
  if (!(waitMs >= 0 && waitMs <= MOST_MS)) wrong("wait", `must be from 0 to ${MOST_MS / 1000} seconds`);
  const leaseMs = request.lease === undefined ? MOST_MS : durationMs(request.lease);
  if (!(leaseMs > 0 && leaseMs <= MOST_MS)) wrong("lease", `must be more than 0 and at most ${MOST_MS / 1000} seconds`);
  if (request.lease !== undefined && ack !== "lease") wrong("lease", "goes only with ack = ACK_MODE_LEASE");
  if (request.since !== "" && ack === "lease") {
    wrong("since", "does not go with ack = ACK_MODE_LEASE: a fetch from a cursor acknowledges nothing");
  }
  if (request.follow && ack === "lease") wrong("follow", "does not go with ack = ACK_MODE_LEASE: it has no last batch");
  for (const [i, source] of request.sources.entries()) {
    if (source === "") wrong(`sources[${i}]`, "is empty; name a source, or leave the list empty for all");
  }
  const start = startOf(request.start, wrong);
  const filter = filterOf(request, wrong);
  if (problems.length > 0) throw invalidArgument(problems);
  return {
    reader: request.reader === "" ? "default" : request.reader,
    sources: request.sources,
    limit: request.limit === 0n ? Number.POSITIVE_INFINITY : Number(request.limit),
    maxBytes: request.maxBytes === 0n ? Number.POSITIVE_INFINITY : Number(request.maxBytes),
    follow: request.follow,
    waitMs,
    ack: ack ?? "auto",
    ackCursor: request.ackCursor,
    since: request.since,
    start,
    leaseMs,
    filter,
  };
}

function startOf(start: StartAt | undefined, wrong: (field: string, problem: string) => void): Start {
  const at = start?.at;
  if (at === undefined || at.case === undefined || at.case === "earliest") return "earliest";
  if (at.case === "latest") return "latest";
  const ms = timestampMs(at.value);
  if (ms < 0) wrong("start.timestamp", "must not be before 1970");
  return { timestampMs: ms };
}
