import Type, { type Static } from "typebox";
import { StoppedReason } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { record } from "./data-api.js";
import { headOf, operation } from "./operation.js";
import { upstreamProblems } from "./problems.js";
import {
  anyText,
  count,
  cursor,
  fields,
  flag,
  listOf,
  named,
  nullable,
  oneOf,
  sourceName,
  sourceNames,
  text,
  time,
  whole,
} from "./schema.js";

/** The most records of one JSON document. Lines and CSV have no such limit. */
export const mostInDocument = 10_000;
/** The most records of one JSON document unless it is asked for otherwise. */
export const usualInDocument = 100;
const mostVersions = 1000;

export const orders = ["-ingested", "ingested", "-event", "event"] as const;
export const versionsAsked = ["all", "newest"] as const;
export const buckets = ["minute", "hour", "day", "month"] as const;
export const countTimes = ["ingested", "event"] as const;

const storeProblems = [...upstreamProblems, 404, 501] as const;

const shared = {
  event_from: Type.Optional(
    time({ description: "Only what happened then or later. Records without an event time are in no such range." }),
  ),
  event_to: Type.Optional(time({ description: "Only what happened before that." })),
  ingested_from: Type.Optional(time({ description: "Only what was written to Kafka then or later." })),
  ingested_to: Type.Optional(time({ description: "Only what was written to Kafka before that." })),
  where: Type.Optional(
    text({
      description:
        "Only records whose JSON value this is true of, such as `properties.mag >= 5 and properties.place != null`. docs/records.md has its grammar, which is not that of `/data`.",
      allowed: "a condition of at most 2000 characters",
      format: "where",
      maxLength: 2000,
      examples: ["properties.mag >= 5"],
    }),
  ),
  versions: Type.Optional(
    oneOf(versionsAsked, {
      description:
        "`newest`: of each id the newest version only, to which the other conditions are then put. `all`: each version by itself.",
      default: "all",
    }),
  ),
};

const paging = {
  order: Type.Optional(
    oneOf(orders, {
      description:
        "By when records were written to Kafka or when they happened; `-` has the last first. By event, records without an event time are left out.",
      default: "-ingested",
    }),
  ),
  limit: Type.Optional(
    whole(1, Number.MAX_SAFE_INTEGER, {
      description: `The most records. Of a JSON document ${usualInDocument} unless asked otherwise and ${mostInDocument} at most; lines and CSV have no limit of their own.`,
      allowed: `a whole number from 1, of a JSON document at most ${mostInDocument}`,
      examples: [100],
    }),
  ),
  cursor: Type.Optional(
    cursor({
      description: "`next` of an earlier answer to the same question: goes on behind it. It stays valid.",
      allowed: "`next` of an earlier answer",
    }),
  ),
};

const idText = { allowed: "an id" };
const inQuery = {
  source: Type.Optional(
    listOf(sourceName(), {
      description: "Only these sources; may be repeated.",
      allowed: "names of sources, or be left out for all",
      maxItems: 1000,
    }),
  ),
  id: Type.Optional(
    listOf(text(idText), { description: "Only things with one of these ids; may be repeated.", maxItems: 1000 }),
  ),
  ...shared,
};

export const recordsQuery = fields({ ...inQuery, ...paging });
export const recordsBody = named(
  "RecordQuery",
  fields(
    {
      sources: Type.Optional({ ...sourceNames(), description: "Only these sources.", maxItems: 1000 }),
      ids: Type.Optional(
        listOf(text(idText), {
          description: "Only things with one of these ids.",
          allowed: "a list of ids, or be left out for all",
          maxItems: 1000,
        }),
      ),
      ...shared,
      ...paging,
    },
    { description: "Which records: as the query of `GET /records`, but with lists." },
  ),
);
export type RecordsQuery = Static<typeof recordsQuery>;
export type RecordsBody = Static<typeof recordsBody>;

export const freshness = named(
  "Freshness",
  Type.Object(
    {
      behind: count({
        description:
          "How many of Kafka's offsets are not in the store yet, over the sources asked for; 0: it holds all.",
      }),
      completeUntil: nullable(time(), {
        description: "What was written to Kafka before that is in the store; null where it holds everything.",
      }),
      checkedAt: nullable(time(), { description: "When Kafka was last asked; `behind` is as of then." }),
      problem: nullable(anyText(), { description: "Why it does not catch up; null where all is well." }),
      removedBefore: nullable(time(), {
        description:
          "Records of the sources asked for were removed because they were too old (`STORE_TTL`): those that were written to Kafka before that. Null where none were.",
      }),
    },
    { description: "How far the store is behind Kafka, and since when it has the records." },
  ),
);
export type FreshnessJson = Static<typeof freshness>;

const stoppedReasons = [
  ...Object.keys(StoppedReason).filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED"),
  "SIZE",
];

export const stopped = named(
  "Stopped",
  Type.Object(
    {
      reason: oneOf(stoppedReasons, {
        description:
          "`LIMIT`: as many as were asked for. `SCAN`, `TIME`: it looked at as many records, or took as long, as one question may. `SIZE`: the document would be too large.",
      }),
      scanned: count({ description: "How many records were looked at." }),
      detail: anyText({ description: "The same for a person, with what narrows the question." }),
    },
    { description: "Why an answer is not whole." },
  ),
);
export type StoppedJson = Static<typeof stopped>;

const exampleFreshness: FreshnessJson = {
  behind: 0,
  completeUntil: null,
  checkedAt: "2026-11-24T23:20:01.000Z",
  problem: null,
  removedBefore: null,
};

const exampleRecord = {
  source: "quakes",
  id: "ci38096304-my59",
  partition: 0,
  offset: 41,
  ingestedAt: "2026-11-24T23:20:00.384Z",
  eventTime: "2026-11-24T23:19:59.690Z",
  data: { type: "Feature", properties: { mag: 4.6, place: "9km SSW of Idyllwild, CA" } },
};

const recordsAnswer = {
  description: "The records that match. The form is chosen by `Accept`.",
  headers: {
    Link: {
      description: "`rel=next`: the same question from where this document ends; of a JSON document that has a `next`.",
    },
    "Apispool-Cursor": { description: "A trailer of lines and CSV, where HTTP has them: `next`, or nothing." },
  },
  content: {
    "application/json": {
      schema: named(
        "Records",
        Type.Object({
          records: listOf(record, { description: "In the order that was asked for." }),
          next: nullable(anyText(), { description: "The cursor that goes on; null where nothing can follow." }),
          stopped: nullable(stopped, { description: "Why it is not whole; null where it is." }),
          freshness: nullable(freshness),
        }),
      ),
      example: { records: [exampleRecord], next: null, stopped: null, freshness: exampleFreshness },
    },
    "application/x-ndjson": {
      schema: Type.String({
        contentMediaType: "application/x-ndjson",
        contentSchema: named(
          "RecordLine",
          Type.Union([record, Type.Object({ next: anyText(), stopped: nullable(stopped) })], {
            description: "A record; or, as the last line where `limit` left something over, where to go on.",
          }),
        ),
        description: "A JSON value a line, each as `contentSchema` says; any size in constant memory.",
      }),
      example: `${JSON.stringify(exampleRecord)}\n`,
    },
    "text/csv": {
      schema: Type.String({ description: "RFC 4180, with a header line; `value` is the record's JSON." }),
      example:
        "source,id,partition,offset,ingested_at,event_time,value\r\n" +
        'quakes,q1,0,41,2026-11-24T23:20:00.384Z,,"{""mag"":4.6}"\r\n',
    },
  },
};

export const getRecords = operation({
  method: "GET",
  path: "/records",
  id: "queryRecords",
  tag: "Records",
  summary: "Queries all records there ever were",
  description:
    "Only where a store is switched on. What is asked moves no reader. A question that would look at too much stops early and says so in `stopped`; `next` goes on.",
  query: recordsQuery,
  answers: { 200: recordsAnswer },
  problems: storeProblems,
});

export const headRecords = headOf(getRecords, {
  id: "headRecords",
  summary: "The head of the same GET; asks for nothing",
});

export const postRecords = operation({
  method: "POST",
  path: "/records",
  id: "queryRecordsByPost",
  tag: "Records",
  summary: "The same with the parameters in a body",
  description: "For long conditions and many ids.",
  body: recordsBody,
  examples: {
    strong: { summary: "Strong quakes", value: { where: "properties.mag >= 5", limit: 10 } },
    newest: { summary: "The newest version of each", value: { versions: "newest", limit: 10 } },
  },
  answers: { 200: recordsAnswer },
  problems: storeProblems,
});

export const getRecord = operation({
  method: "GET",
  path: "/records/{source}/{id}",
  id: "getRecord",
  tag: "Records",
  summary: "One thing with all its versions, the newest first",
  params: fields({
    source: sourceName({ description: "The source." }),
    id: text({ description: "The thing's id; what is special in a path has to be encoded.", allowed: "an id" }),
  }),
  query: fields({
    limit: Type.Optional(whole(1, mostVersions, { description: "The most versions.", default: mostVersions })),
  }),
  answers: {
    200: {
      description: "The thing.",
      content: {
        "application/json": {
          schema: named(
            "RecordVersions",
            Type.Object({
              versions: listOf(record, { description: "The newest first." }),
              more: flag({ description: "Whether there are older ones." }),
              freshness: nullable(freshness),
            }),
          ),
          example: { versions: [exampleRecord], more: false, freshness: exampleFreshness },
        },
      },
    },
  },
  problems: storeProblems,
});

export const getRecordCount = operation({
  method: "GET",
  path: "/records/count",
  id: "countRecords",
  tag: "Records",
  summary: "How many records match, by source and by time",
  query: fields({
    ...inQuery,
    by_source: Type.Optional(flag({ description: "Counts each source by itself.", default: false })),
    bucket: Type.Optional(
      oneOf(buckets, {
        description: "Counts each minute, hour, day or month by itself, in UTC. At most 10,000 counts.",
      }),
    ),
    time: Type.Optional(oneOf(countTimes, { description: "By which time `bucket` counts.", default: "ingested" })),
  }),
  answers: {
    200: {
      description: "The counts; none that is 0.",
      content: {
        "application/json": {
          schema: named(
            "RecordCounts",
            Type.Object({
              total: count({ description: "How many in all." }),
              counts: listOf(
                Type.Object({
                  source: nullable(anyText(), { description: "Null where sources are not told apart." }),
                  from: nullable(time(), { description: "When its stretch of time begins; null without `bucket`." }),
                  count: count(),
                }),
                { description: "By time, then by source; empty unless `by_source` or `bucket` asks for it." },
              ),
              stopped: nullable(stopped),
              freshness: nullable(freshness),
            }),
          ),
          example: {
            total: 1207,
            counts: [{ source: "quakes", from: "2026-11-24T00:00:00.000Z", count: 1207 }],
            stopped: null,
            freshness: exampleFreshness,
          },
        },
      },
    },
  },
  problems: storeProblems,
});

const progress = named(
  "RebuildProgress",
  Type.Object({
    done: count({ description: "Offsets that have been read." }),
    total: count({ description: "Offsets that there are to read; it grows while records come." }),
    elapsedSeconds: Type.Number({ minimum: 0 }),
  }),
);

const storedSource = named(
  "StoredSource",
  Type.Object({
    source: anyText(),
    records: count(),
    freshness: nullable(freshness),
    ttlSeconds: nullable(Type.Number({ minimum: 0 }), {
      description: "How long its records are kept (`STORE_TTL`), from when they were written to Kafka; null: for ever.",
    }),
    removed: listOf(
      Type.Object({
        partition: count(),
        beforeOffset: count({ description: "All that was removed lay before it." }),
        before: nullable(time(), { description: "All that was removed was written to Kafka before that." }),
      }),
      { description: "What was removed of each partition because it was too old; empty where nothing was." },
    ),
  }),
);

export const getStoreStatus = operation({
  method: "GET",
  path: "/records/status",
  id: "getStoreStatus",
  tag: "Records",
  summary: "What the store holds, and how far it is behind Kafka",
  answers: {
    200: {
      description: "The store.",
      content: {
        "application/json": {
          schema: named(
            "StoreStatus",
            Type.Object({
              kind: anyText({ description: "`sqlite` or `mongodb`." }),
              freshness: nullable(freshness),
              sources: listOf(storedSource, { description: "In the order of their names." }),
              rebuild: nullable(progress, { description: "The rebuild that is under way; null where none is." }),
            }),
          ),
          example: {
            kind: "sqlite",
            freshness: exampleFreshness,
            sources: [
              { source: "quakes", records: 1207, freshness: exampleFreshness, ttlSeconds: 2_592_000, removed: [] },
            ],
            rebuild: null,
          },
        },
      },
    },
  },
  problems: storeProblems,
});

export const postRebuild = operation({
  method: "POST",
  path: "/records/rebuild",
  id: "rebuildStore",
  tag: "Records",
  summary: "Builds the store again from what Kafka has",
  description:
    "The old one answers until the new one takes its place. What Kafka no longer has is not in the new one. It goes on when the caller leaves; a call while one is under way joins it. Takes no body.",
  answers: {
    200: {
      description: "How far it is, a line a second at least.",
      content: {
        "application/x-ndjson": {
          schema: Type.String({
            contentMediaType: "application/x-ndjson",
            contentSchema: named(
              "RebuildLine",
              Type.Object({
                progress,
                complete: flag({ description: "The new one has taken the old one's place: the last line." }),
              }),
            ),
          }),
          example: '{"progress":{"done":4,"total":4,"elapsedSeconds":2},"complete":true}\n',
        },
      },
    },
  },
  problems: storeProblems,
});
