import { create } from "@bufbuild/protobuf";
import {
  CountBucket,
  CountRequestSchema,
  type CountRequest,
  CountTime,
  QueryRequestSchema,
  type QueryRequest,
  RecordFilterSchema,
  type RecordFilter,
  RecordOrder,
  Versions,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import type { FieldProblem } from "@apispool/common/errors.js";
import type { Static } from "typebox";
import { timeOf } from "./json-text.js";
import { type RecordsBody, type RecordsQuery, type getRecordCount, mostInDocument } from "./openapi/records-api.js";

const orderOf = {
  "-ingested": RecordOrder.INGESTED_DESC,
  ingested: RecordOrder.INGESTED_ASC,
  "-event": RecordOrder.EVENT_DESC,
  event: RecordOrder.EVENT_ASC,
} as const;

const bucketOf = {
  minute: CountBucket.MINUTE,
  hour: CountBucket.HOUR,
  day: CountBucket.DAY,
  month: CountBucket.MONTH,
} as const;

type Filter = Omit<RecordsBody, "order" | "limit" | "cursor">;
type CountQuery = Static<NonNullable<typeof getRecordCount.query>>;

/** What is wrong with fields that each may be right by themselves. */
export function rangeProblems(given: Partial<Filter>): FieldProblem[] {
  return (["event", "ingested"] as const).flatMap((name) => {
    const from = timeOf(String(given[`${name}_from`]));
    const to = timeOf(String(given[`${name}_to`]));
    if (from === undefined || to === undefined) return [];
    const inOrder = from.seconds < to.seconds || (from.seconds === to.seconds && from.nanos < to.nanos);
    return inOrder ? [] : [{ field: `${name}_to`, problem: `is not after ${name}_from; nothing can be in between` }];
  });
}

/** As {@link rangeProblems}, of a query whose answer is one document. */
export function documentProblems({ limit }: { readonly limit?: number }): FieldProblem[] {
  if (limit === undefined || !(limit > mostInDocument)) return [];
  const problem =
    `is ${limit}; it must be a whole number from 1 to ${mostInDocument} for a JSON document: ` +
    "follow `next`, or ask for application/x-ndjson or text/csv, which have no limit";
  return [{ field: "limit", problem }];
}

/** The fields of a query as those of a body. */
export function bodyOf<Q extends Pick<RecordsQuery, "source" | "id">>({ source, id, ...rest }: Q) {
  return {
    ...rest,
    ...(source === undefined ? {} : { sources: source }),
    ...(id === undefined ? {} : { ids: id }),
  };
}

/** The request of a query, from its body. */
export function queryRequest(asked: RecordsBody): QueryRequest {
  return create(QueryRequestSchema, {
    filter: filterOf(asked),
    order: orderOf[asked.order ?? "-ingested"],
    limit: BigInt(asked.limit ?? 0),
    cursor: asked.cursor ?? "",
  });
}

/** The request of a count, from its query. */
export function countRequest(asked: CountQuery): CountRequest {
  const { bucket, time, by_source: bySource = false } = asked;
  return create(CountRequestSchema, {
    filter: filterOf(bodyOf(asked)),
    bySource,
    bucket: bucket === undefined ? CountBucket.UNSPECIFIED : bucketOf[bucket],
    time: time === "event" ? CountTime.EVENT : CountTime.INGESTED,
  });
}

function filterOf(asked: Filter): RecordFilter {
  return create(RecordFilterSchema, {
    sources: asked.sources ?? [],
    ids: asked.ids ?? [],
    ...rangeOf("eventTime", asked.event_from, asked.event_to),
    ...rangeOf("ingestedAt", asked.ingested_from, asked.ingested_to),
    where: asked.where ?? "",
    versions: asked.versions === "newest" ? Versions.NEWEST : Versions.ALL,
  });
}

function rangeOf(name: "eventTime" | "ingestedAt", from: string | undefined, to: string | undefined) {
  const first = from === undefined ? undefined : timeOf(from);
  const end = to === undefined ? undefined : timeOf(to);
  if (first === undefined && end === undefined) return {};
  return { [name]: { ...(first === undefined ? {} : { from: first }), ...(end === undefined ? {} : { to: end }) } };
}

/** What a field of the request upstream is called in the JSON API. */
export function recordFieldName(field: string, inBody: boolean): string {
  const name = field
    .replace(/^filter\./, "")
    .replace(/^event_time\./, "event_")
    .replace(/^ingested_at\./, "ingested_");
  return inBody ? name : name.replace(/^(source|id)s\b/, "$1");
}
