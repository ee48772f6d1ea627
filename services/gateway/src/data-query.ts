import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  AckMode,
  FetchUnreadRequestSchema,
  type FetchUnreadRequest,
  type StartAt,
  StartAtSchema,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { FieldProblem } from "@apispool/common/errors.js";
import { shown, timeOf } from "./json-text.js";
import type { FetchBody, FetchQuery } from "./openapi/data-api.js";

/** A fetch as the JSON API takes it, checked in form; what the names and cursors mean the reader checks. */
export interface DataQuery {
  readonly request: FetchUnreadRequest;
  /** The client acknowledges by cursor, so it needs the cursor in NDJSON too. */
  readonly manual: boolean;
  /** What was said of `follow`; undefined: nothing. */
  readonly follow?: boolean | undefined;
}

/** What is wrong with the fields of a fetch that each may be right by itself. */
export function fetchProblems({ since, ack }: Pick<FetchBody, "since" | "ack">): FieldProblem[] {
  if (since === undefined || ack === undefined || ack === "manual") return [];
  return [{ field: "ack", problem: "goes with since only as manual: a fetch from a cursor acknowledges nothing" }];
}

/** As {@link fetchProblems}, of the query: a name that came twice would have to have two values. */
export function queryProblems(query: Partial<FetchQuery>): FieldProblem[] {
  const problems = fetchProblems(query);
  const list = query.header ?? [];
  const names = list.map((header) => header.slice(0, Math.max(0, header.indexOf(":"))));
  for (const [i, name] of names.entries()) {
    if (name !== "" && names.indexOf(name) < i) {
      problems.push({ field: `header[${i}]`, problem: `names ${shown(name)} again; a name may come once` });
    }
  }
  return problems;
}

/** What was asked for in the query of `GET /data`. */
export function dataQueryFromUrl({ source, key, header, ...rest }: FetchQuery): DataQuery {
  const headers = header?.map((text): [string, string] => {
    const colon = text.indexOf(":");
    return [text.slice(0, colon), text.slice(colon + 1)];
  });
  return dataQueryFromBody({
    ...rest,
    ...(source === undefined ? {} : { sources: source }),
    ...(key === undefined ? {} : { keys: key }),
    ...(headers === undefined ? {} : { headers: Object.fromEntries(headers) }),
  });
}

/**
 * The same fetch without any effect on the reader: for a browser that fetches ahead what its user may never look at.
 * What the cursor would have acknowledged stays unread, so it comes again.
 */
export function withoutEffect({ request, ...rest }: DataQuery): DataQuery {
  return {
    ...rest,
    request: create(FetchUnreadRequestSchema, { ...request, ack: AckMode.MANUAL, ackCursor: "" }),
    manual: true,
  };
}

/** What was asked for in the body of `POST /data`. */
export function dataQueryFromBody(asked: FetchBody): DataQuery {
  const ack = ackOf(asked.ack);
  const { wait, start, follow } = asked;
  const request = create(FetchUnreadRequestSchema, {
    reader: asked.reader ?? "",
    sources: asked.sources ?? [],
    limit: BigInt(asked.limit ?? 0),
    maxBytes: BigInt(asked.max_bytes ?? 0),
    since: asked.since ?? "",
    follow: follow ?? false,
    ack: ack.mode,
    ackCursor: ack.cursor,
    keys: asked.keys ?? [],
    headers: asked.headers ?? {},
    where: asked.where ?? "",
    ...(wait === undefined ? {} : { wait: durationFromMs(Math.round(wait * 1000)) }),
    ...(start === undefined ? {} : { start: startOf(start) }),
  });
  return { request, manual: ack.mode === AckMode.MANUAL, follow };
}

/** A cursor acknowledges what came before, and leaves what comes now to the next cursor. */
function ackOf(ack: string | undefined): { mode: AckMode; cursor: string } {
  if (ack === undefined || ack === "auto") return { mode: AckMode.AUTO, cursor: "" };
  return { mode: AckMode.MANUAL, cursor: ack === "manual" ? "" : ack };
}

function startOf(start: string): StartAt {
  const at = timeOf(start);
  if (at !== undefined) return create(StartAtSchema, { at: { case: "timestamp", value: at } });
  return create(StartAtSchema, { at: { case: start === "latest" ? "latest" : "earliest", value: {} } });
}
