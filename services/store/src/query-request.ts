import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  CountBucket,
  type CountRequest,
  CountTime,
  type QueryRequest,
  QueryRequestSchema,
  type RecordFilter,
  RecordOrder,
  type TimeRange as TimeRangeMessage,
  Versions,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import type { CountKey, Keyset, StoreFilter, StoreOrder, TimeRange } from "@apispool/record-store/store.js";
import { parseWhere } from "@apispool/record-store/where/parse-where.js";
import { WhereError } from "@apispool/record-store/where/where-error.js";
import type { Expression } from "@apispool/record-store/where/expression.js";
import { decodeCursor } from "./cursor.js";

const MOST_IDS = 1000;
const MOST_SOURCES = 1000;

/** A query as it was asked for, checked. */
export interface QuerySpec {
  readonly filter: StoreFilter;
  readonly order: StoreOrder;
  /** Infinity: no limit. */
  readonly limit: number;
  readonly after: Keyset | undefined;
  /** By which a cursor is known to belong to this question; its limit is no part of it. */
  readonly question: Buffer;
}

const orders: Readonly<Record<number, StoreOrder>> = {
  [RecordOrder.UNSPECIFIED]: { by: "ingested", descending: true },
  [RecordOrder.INGESTED_DESC]: { by: "ingested", descending: true },
  [RecordOrder.INGESTED_ASC]: { by: "ingested", descending: false },
  [RecordOrder.EVENT_DESC]: { by: "event", descending: true },
  [RecordOrder.EVENT_ASC]: { by: "event", descending: false },
};

const buckets: Readonly<Record<number, CountKey["bucket"]>> = {
  [CountBucket.UNSPECIFIED]: undefined,
  [CountBucket.MINUTE]: "minute",
  [CountBucket.HOUR]: "hour",
  [CountBucket.DAY]: "day",
  [CountBucket.MONTH]: "month",
};

type Wrong = (field: string, problem: string) => void;

/** Throws INVALID_ARGUMENT that names everything that is wrong with a query. */
export function querySpec(request: QueryRequest): QuerySpec {
  const problems: FieldProblem[] = [];
  const wrong: Wrong = (field, problem) => void problems.push({ field, problem });
  const filter = filterOf(request.filter, wrong);
  const order = orders[request.order] ?? { by: "ingested", descending: true };
  if (!(request.order in orders)) {
    wrong("order", `${request.order} is no order; it must be INGESTED_DESC, INGESTED_ASC, EVENT_DESC or EVENT_ASC`);
  }
  if (problems.length > 0) throw invalidArgument(problems);
  const question = questionOf(request);
  return {
    filter,
    order,
    limit: request.limit === 0n ? Number.POSITIVE_INFINITY : Number(request.limit),
    after: request.cursor === "" ? undefined : decodeCursor(request.cursor, question),
    question,
  };
}

/** The same for a count. */
export function countSpec(request: CountRequest): { readonly filter: StoreFilter; readonly key: CountKey } {
  const problems: FieldProblem[] = [];
  const wrong: Wrong = (field, problem) => void problems.push({ field, problem });
  const filter = filterOf(request.filter, wrong);
  if (!(request.bucket in buckets)) {
    wrong("bucket", `${request.bucket} is none; it must be MINUTE, HOUR, DAY or MONTH, or left out`);
  }
  const times: readonly number[] = [CountTime.UNSPECIFIED, CountTime.INGESTED, CountTime.EVENT];
  if (!times.includes(request.time)) wrong("time", `${request.time} is none; it must be INGESTED or EVENT`);
  if (problems.length > 0) throw invalidArgument(problems);
  const time = request.time === CountTime.EVENT ? "event" : "ingested";
  return { filter, key: { bySource: request.bySource, bucket: buckets[request.bucket], time } };
}

function filterOf(filter: RecordFilter | undefined, wrong: Wrong): StoreFilter {
  const { sources = [], ids = [], where = "", versions = Versions.UNSPECIFIED } = filter ?? {};
  if (sources.length > MOST_SOURCES) wrong("filter.sources", `are ${sources.length}; ${MOST_SOURCES} at most`);
  for (const [i, source] of sources.entries()) {
    if (source === "") wrong(`filter.sources[${i}]`, "is empty; name a source, or leave the list empty for all");
  }
  if (ids.length > MOST_IDS) wrong("filter.ids", `are ${ids.length}; ${MOST_IDS} at most`);
  for (const [i, id] of ids.entries()) {
    if (id === "") wrong(`filter.ids[${i}]`, "is empty; name a thing's id, or leave the list empty for all");
  }
  if (versions !== Versions.UNSPECIFIED && versions !== Versions.ALL && versions !== Versions.NEWEST) {
    wrong("filter.versions", `${String(versions)} is none; it must be ALL or NEWEST`);
  }
  return {
    sources: [...new Set(sources)],
    ids: [...new Set(ids)],
    event: rangeOf(filter?.eventTime, "filter.event_time", wrong),
    ingested: rangeOf(filter?.ingestedAt, "filter.ingested_at", wrong),
    where: whereOf(where, wrong),
    newestOnly: versions === Versions.NEWEST,
  };
}

function rangeOf(range: TimeRangeMessage | undefined, field: string, wrong: Wrong): TimeRange {
  // Records have whole milliseconds: those at or after a moment are those at or after the next of them.
  const ms = ({ seconds, nanos }: Timestamp): number => Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
  const from = range?.from === undefined ? undefined : ms(range.from);
  const to = range?.to === undefined ? undefined : ms(range.to);
  if (from !== undefined && to !== undefined && from > to) wrong(field, "ends before it begins");
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

function whereOf(text: string, wrong: Wrong): Expression | undefined {
  if (text.trim() === "") return undefined;
  try {
    return parseWhere(text);
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    wrong("filter.where", error.message);
    return undefined;
  }
}

function questionOf({ filter, order }: QueryRequest): Buffer {
  const question = create(QueryRequestSchema, { ...(filter === undefined ? {} : { filter }), order });
  return createHash("sha256").update(toBinary(QueryRequestSchema, question)).digest();
}
