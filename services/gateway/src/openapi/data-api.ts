import Type, { type Static } from "typebox";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { headOf, operation } from "./operation.js";
import { problem, upstreamProblems } from "./problems.js";
import {
  anyText,
  count,
  cursor,
  eitherText,
  fields,
  flag,
  listOf,
  named,
  nullable,
  offset,
  oneOf,
  partition,
  readerName,
  serverSentEvent,
  sourceName,
  sourceNames,
  text,
  time,
  whole,
} from "./schema.js";

/** The longest `wait`, in seconds. */
const maxWaitSeconds = 300;

const readerOfFetch = Type.Optional(readerName({ description: "The reader's name; left out: `default`." }));

const shared = {
  limit: Type.Optional(
    whole(0, Number.MAX_SAFE_INTEGER, {
      description: "The most records; 0: no limit.",
      allowed: "a whole number from 0 (no limit)",
      examples: [100],
    }),
  ),
  max_bytes: Type.Optional(
    whole(0, Number.MAX_SAFE_INTEGER, {
      description: "The most bytes of records, but one record at least; 0: no limit.",
      allowed: "a whole number from 0 (no limit)",
    }),
  ),
  where: Type.Optional(
    text({
      description:
        "Only records for which this JMESPath is true. What filters drop counts as read; `limit` counts what is delivered.",
      allowed: "a JMESPath of at most 2000 characters",
      format: "jmespath",
      maxLength: 2000,
      examples: ["properties.mag > `5`"],
    }),
  ),
  wait: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: maxWaitSeconds,
      description: "Seconds to wait for the first record where nothing is unread: a long poll. Not with `follow`.",
      "x-allowed": `a number of seconds from 0 to ${maxWaitSeconds}`,
    }),
  ),
  ack: Type.Optional(
    eitherText([cursor(), oneOf(["auto", "manual"])], {
      description:
        "`auto` (as where it is left out): what you have received counts as read. `manual`: nothing does until you say so. A cursor: acknowledges that one first, and then as `manual`.",
      allowed: "auto, manual or a cursor",
    }),
  ),
  since: Type.Optional(
    eitherText([cursor(), time(), oneOf(["earliest", "latest"])], {
      description:
        "A cursor, `earliest`, `latest` or a time: reads from there, and moves nobody. Goes with `ack` only as `manual`.",
      allowed: "a cursor, earliest, latest or a time",
    }),
  ),
  start: Type.Optional(
    eitherText([time(), oneOf(["earliest", "latest"])], {
      description: "Where a reader begins that is new: `earliest` (as where it is left out), `latest` or a time.",
      allowed: "earliest, latest, or a time such as 2026-11-24T12:00:00Z",
    }),
  ),
  follow: Type.Optional(
    flag({
      description:
        "Goes on with new records as they come: with `application/x-ndjson`. An event stream always does, `application/json` cannot.",
    }),
  ),
};

export const fetchQuery = fields({
  reader: readerOfFetch,
  source: Type.Optional(
    listOf(sourceName(), {
      description: "Only these sources; may be repeated.",
      allowed: "names of sources, or be left out for all",
    }),
  ),
  key: Type.Optional(
    listOf(text({ allowed: "a Kafka key" }), {
      description: "Only records with one of these Kafka keys, which are the records' ids; may be repeated.",
      maxItems: 1000,
    }),
  ),
  header: Type.Optional(
    listOf(
      Type.String({
        pattern: "^[^:]+:",
        "x-allowed": 'a header\'s name, ":" and its value',
        examples: ["ce_type:x"],
      }),
      {
        description:
          "`name:value`: only records that have this Kafka header; may be repeated, each name once. All must match.",
        maxItems: 100,
      },
    ),
  ),
  ...shared,
});

export const fetchBody = named(
  "Fetch",
  fields(
    {
      reader: readerOfFetch,
      ...shared,
      sources: Type.Optional({ ...sourceNames(), description: "Only these sources." }),
      keys: Type.Optional(
        listOf(text({ allowed: "a Kafka key" }), {
          description: "Only records with one of these Kafka keys, which are the records' ids.",
          allowed: "a list of Kafka keys, or be left out for all",
          maxItems: 1000,
        }),
      ),
      headers: Type.Optional(
        Type.Unsafe<Record<string, string>>({
          type: "object",
          propertyNames: { type: "string", minLength: 1 },
          additionalProperties: { type: "string" },
          maxProperties: 100,
          description: "Only records that have every one of these Kafka headers with that value.",
          "x-allowed": "an object of header names and their values",
        }),
      ),
    },
    { description: "What to fetch: as the query of `GET /data`, but with lists and an object." },
  ),
);
export type FetchBody = Static<typeof fetchBody>;
export type FetchQuery = Static<typeof fetchQuery>;

const base64 = (description: string) => Type.String({ contentEncoding: "base64", description });

export const record = named(
  "Record",
  Type.Object(
    {
      source: anyText({ description: "Where it comes from." }),
      id: anyText({ description: "Its id in the API: the Kafka key." }),
      partition: partition(),
      offset: Type.Integer({ minimum: 0, description: "Its place in the partition." }),
      ingestedAt: nullable(time(), { description: "When it was written to Kafka." }),
      eventTime: nullable(time(), { description: "When it happened, where the source says so." }),
      headers: Type.Optional(
        Type.Unsafe<Record<string, string>>({
          type: "object",
          additionalProperties: { type: "string" },
          description: "Its Kafka headers.",
        }),
      ),
      data: Type.Optional(
        Type.Unsafe<unknown>({ description: "The record's own JSON, byte for byte as the API sent it." }),
      ),
      binary: Type.Optional(base64("The value, where it is no JSON, instead of `data`.")),
      tombstone: Type.Optional(
        Type.Literal(true, { description: "`data` is null because Kafka's value is: the key was deleted." }),
      ),
    },
    { description: "One version of one record." },
  ),
);

export const gap = named(
  "Gap",
  Type.Object(
    {
      source: anyText(),
      partition: partition(),
      fromOffset: offset({ description: "The first offset that is missing." }),
      toOffset: offset({ description: "The offset after the last one that is missing." }),
      reason: oneOf(Object.keys(GapReason).filter((name) => Number.isNaN(Number(name)))),
      detail: anyText({ description: "The same for a person." }),
    },
    { description: "A range of offsets that can no longer be had." },
  ),
);

export const position = named(
  "Position",
  Type.Object(
    { source: anyText(), partition: partition(), offset: offset({ description: "Of the next record to be read." }) },
    { description: "A place in one partition of a source." },
  ),
);

const fetched = named(
  "Fetched",
  Type.Object(
    {
      records: listOf(record),
      cursor: anyText({ description: "Acknowledges all of these." }),
      gaps: listOf(gap, { description: "What the reader has not read and can never be had again." }),
    },
    { description: "What was unread." },
  ),
);

const exampleRecord = {
  source: "quakes",
  id: "ci38096304-my59",
  partition: 0,
  offset: 41,
  ingestedAt: "2026-11-24T23:20:00.384Z",
  eventTime: "2026-11-24T23:19:59.690Z",
  data: { type: "Feature", properties: { mag: 4.6, place: "9km SSW of Idyllwild, CA" } },
};

const line = named(
  "Line",
  Type.Union([record, Type.Object({ gap }), Type.Object({ cursor: anyText() })], {
    description: "A line of NDJSON: a record, a gap, or, for who acknowledges by cursor, a cursor.",
  }),
);

const fetchAnswer = {
  description: "What the reader has not read yet. The form is chosen by `Accept`.",
  headers: {
    "Apispool-Cursor": { description: "A trailer, where HTTP has them: the cursor after all that was delivered." },
  },
  content: {
    "application/json": { schema: fetched, example: { records: [exampleRecord], cursor: "BzrUdnRQ", gaps: [] } },
    "application/x-ndjson": {
      schema: Type.String({
        contentMediaType: "application/x-ndjson",
        contentSchema: line,
        description: "A JSON value a line, each as `contentSchema` says; any size in constant memory.",
      }),
      example: `${JSON.stringify(exampleRecord)}\n`,
    },
    "text/event-stream": {
      schema: serverSentEvent(Type.Union([record, gap, problem]), {
        description:
          "Each event of a live tail. One without a name is a record, `gap` is a gap, `error` a problem after which the stream ends. `id` is a cursor.",
      }),
      example: `data: ${JSON.stringify(exampleRecord)}\nid: BzrUdnRQ\n\n`,
    },
  },
};

const lastEventId = {
  "Last-Event-ID": {
    description:
      "For event streams: the cursor of the last event that the client has. All up to there is acknowledged; with `since` or `ack=manual` the stream goes on from there instead.",
  },
};

export const getData = operation({
  method: "GET",
  path: "/data",
  id: "fetchUnread",
  tag: "Reading",
  summary: "The records that a reader has not read yet",
  description:
    "A reader is a name: it exists from its first fetch. What you have received counts as read, unless `ack` or `since` says otherwise.",
  query: fetchQuery,
  requestHeaders: lastEventId,
  answers: { 200: fetchAnswer },
  problems: [...upstreamProblems, 404, 409],
});

export const headData = headOf(getData, {
  id: "headUnread",
  summary: "The head of the same GET; fetches nothing, acknowledges nothing",
});

export const postData = operation({
  method: "POST",
  path: "/data",
  id: "fetchUnreadByPost",
  tag: "Reading",
  summary: "The same with the parameters in a body",
  description: "For clients and proxies that repeat a GET on their own, and for long filters.",
  body: fetchBody,
  examples: {
    unread: { summary: "What is new", value: { reader: "me", limit: 10 } },
    filtered: { summary: "Filtered", value: { reader: "me", limit: 10, where: "properties.mag > `2`" } },
    replay: { summary: "From the beginning, moving nobody", value: { since: "earliest", limit: 10 } },
  },
  requestHeaders: lastEventId,
  answers: { 200: fetchAnswer },
  problems: [...upstreamProblems, 404, 409],
});

export const postAck = operation({
  method: "POST",
  path: "/data/ack",
  id: "acknowledge",
  tag: "Reading",
  summary: "Acknowledges everything up to a cursor",
  body: named(
    "Acknowledgement",
    fields({
      reader: Type.Optional(readerName({ description: "The reader's name; left out: `default`." })),
      cursor: cursor({ description: "A cursor that a fetch gave to this reader." }),
    }),
  ),
  examples: {
    one: { summary: "A cursor of GET /data?reader=me&ack=manual", value: { reader: "me", cursor: "BzrUdnRQ" } },
  },
  answers: {
    200: {
      description: "Done, or done before.",
      content: {
        "application/json": {
          schema: named(
            "Acknowledged",
            Type.Object({
              changed: flag({ description: "Whether the position moved." }),
              positions: listOf(position, {
                description: "Where the reader stands now, where the cursor speaks of it.",
              }),
            }),
          ),
          example: { changed: true, positions: [{ source: "quakes", partition: 0, offset: 42 }] },
        },
      },
    },
  },
  problems: [...upstreamProblems, 404, 409],
});

const place = Type.Unsafe<
  string | { cursor: string } | { offsets: { source: string; partition: number; offset: number }[] }
>({
  anyOf: [
    oneOf(["earliest", "latest"]),
    time(),
    fields({ cursor: cursor({ description: "A cursor of this reader." }) }),
    fields({
      offsets: listOf(
        fields(
          {
            source: sourceName(),
            partition: partition({ allowed: "a whole number from 0" }),
            offset: offset({ allowed: "a whole number from 0" }),
          },
          { allowed: '{"source":"…","partition":0,"offset":0}' },
        ),
        {
          minItems: 1,
          allowed: 'a list of {"source":"…","partition":0,"offset":0}, with one at least',
          description: "Partitions that are not named stay where they are.",
        },
      ),
    }),
  ],
  description: "The place; times are those at which records were written.",
  "x-allowed":
    '"earliest", "latest", a time such as "2026-11-24T12:00:00Z", {"cursor":"…"} or {"offsets":[{"source":"…","partition":0,"offset":0}]}',
});

export const seekBody = named(
  "Seek",
  fields({
    reader: Type.Optional(readerName({ description: "The reader's name; left out: `default`." })),
    to: place,
    sources: Type.Optional({
      ...sourceNames(),
      description: "Only in these sources. Not with a cursor or offsets, which say it themselves.",
    }),
  }),
);
export type SeekBody = Static<typeof seekBody>;

export const postSeek = operation({
  method: "POST",
  path: "/data/seek",
  id: "seek",
  tag: "Readers",
  summary: "Moves a reader anywhere, back or forth",
  body: seekBody,
  examples: {
    earliest: { summary: "Everything once more", value: { reader: "me", to: "earliest" } },
    latest: { summary: "Nothing that is there now", value: { reader: "me", to: "latest" } },
    time: { summary: "A time", value: { reader: "me", to: "2026-11-24T12:00:00Z" } },
    offsets: {
      summary: "Offsets",
      value: { reader: "me", to: { offsets: [{ source: "quakes", partition: 0, offset: 42 }] } },
    },
  },
  answers: {
    200: {
      description: "The reader stands there.",
      content: {
        "application/json": {
          schema: named(
            "Sought",
            Type.Object({ positions: listOf(position, { description: "Every position that was set." }) }),
          ),
          example: { positions: [{ source: "quakes", partition: 0, offset: 42 }] },
        },
      },
    },
  },
  problems: [...upstreamProblems, 404, 409],
});

export const reader = named(
  "Reader",
  Type.Object(
    {
      name: anyText(),
      positions: listOf(position),
      unread: count({ description: "Records that it has not acknowledged." }),
      unreadIsEstimate: flag({
        description: "Whether `unread` is an estimate: a topic was written by others than Apispool.",
      }),
      oldestUnreadAt: nullable(time(), { description: "When the oldest unread record was written." }),
      lastActivityAt: nullable(time(), { description: "When it last fetched or acknowledged, where that is known." }),
    },
    { description: "Where a reader stands." },
  ),
);
export type ReaderJson = Static<typeof reader>;

const exampleReader = {
  name: "me",
  positions: [{ source: "quakes", partition: 0, offset: 42 }],
  unread: 3,
  unreadIsEstimate: false,
  oldestUnreadAt: "2026-11-24T23:20:00.384Z",
  lastActivityAt: "2026-11-24T23:19:41.007Z",
};

export const getReaders = operation({
  method: "GET",
  path: "/data/readers",
  id: "listReaders",
  tag: "Readers",
  summary: "Where every reader stands",
  answers: {
    200: {
      description: "In the order of their names.",
      content: {
        "application/json": {
          schema: named("Readers", Type.Object({ readers: listOf(reader) })),
          example: { readers: [exampleReader] },
        },
      },
    },
  },
  problems: upstreamProblems,
});

const oneReader = {
  path: "/data/readers/{name}",
  tag: "Readers",
  params: fields({ name: readerName({ description: "The reader's name." }) }),
  problems: [...upstreamProblems, 404],
} as const;

export const getReader = operation({
  ...oneReader,
  method: "GET",
  id: "getReader",
  summary: "Where a reader stands",
  answers: {
    200: { description: "The reader.", content: { "application/json": { schema: reader, example: exampleReader } } },
  },
});

export const deleteReader = operation({
  ...oneReader,
  method: "DELETE",
  id: "deleteReader",
  summary: "Forgets a reader; its next fetch is that of a new one",
  answers: { 204: { description: "It is forgotten." } },
  problems: [...oneReader.problems, 409],
});
