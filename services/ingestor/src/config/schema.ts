import Type, { type Static } from "typebox";
import { auth } from "./schema-auth.js";
import { cursor, pagination } from "./schema-pagination.js";
import {
  duration,
  durationOrForever,
  expression,
  flag,
  keys,
  mapOf,
  oneOf,
  size,
  text,
  whole,
} from "./schema-parts.js";
import { networkKeys, requestKeys, scheduleKeys } from "./schema-request.js";

export const csv = keys(
  {
    delimiter: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1, title: "one character", description: "Between fields.", default: "," }),
    ),
    header: Type.Optional(flag({ description: "Whether the first line names the columns.", default: true })),
    columns: Type.Optional(
      Type.Array(text(), {
        minItems: 1,
        title: "a list of names",
        description: "The columns' names, where no line tells them or others are wanted.",
      }),
    ),
  },
  { title: "a map of delimiter, header, columns", description: "With `format: csv`.", default: {} },
);

const id = Type.Union([expression({}), Type.Array(expression({}), { minItems: 1, title: "a list of expressions" })], {
  title: "an expression, or a list of them",
  description:
    "What a record is known by; a list is joined. Where not given: `id` if it is there, else the content's hash.",
});

/** What becomes of the answer. */
const extractKeys = {
  format: Type.Optional(
    oneOf(["json", "ndjson", "csv", "xml"], {
      description: "What the answer is. Atom and RSS are xml.",
      default: "json",
    }),
  ),
  charset: Type.Optional(
    text({
      title: "a character set such as utf-8 or latin1",
      description: "In place of the one that the answer names.",
    }),
  ),
  csv: Type.Optional(csv),
  records: Type.Optional(
    expression({
      description: "Where the list of records is. Where not given: the document itself, or its only list.",
    }),
  ),
  id: Type.Optional(id),
  event_time: Type.Optional(expression({ description: "Where a record tells when it happened." })),
  key: Type.Optional(expression({ description: "The Kafka key. The id unless given." })),
  filter: Type.Optional(expression({ description: "Records for which this is false or null are passed over." })),
  project: Type.Optional(
    expression({ description: "What is kept of a record. All of it unless given, byte for byte." }),
  ),
  max_record_bytes: Type.Optional(
    size({ description: "A larger record goes to the dead letters; Kafka has to take it.", default: "1MB" }),
  ),
};

export const rateLimit = keys(
  {
    requests: whole(1, 1_000_000, { description: "The most requests …" }),
    per: Type.Optional(duration({ description: "… in this time.", default: "1s" })),
  },
  { title: "a map such as {requests: 5, per: 1s}", description: "Unlimited unless given." },
);

export const retry = keys(
  {
    max_attempts: Type.Optional(
      whole(1, 100, { description: "Tries of one request in a poll, the first included.", default: 5 }),
    ),
    initial: Type.Optional(
      duration({ description: "The first pause; it doubles, with full jitter.", default: "500ms" }),
    ),
    max: Type.Optional(duration({ description: "The longest pause.", default: "1m" })),
    open_after: Type.Optional(
      whole(1, 1000, {
        description: "Failed polls in a row after which only one probe every `max` is made.",
        default: 5,
      }),
    ),
  },
  {
    title: "a map of max_attempts, initial, max, open_after",
    description: "What happens after a failure.",
    default: {},
  },
);

export const topic = keys(
  {
    partitions: Type.Optional(whole(1, 10_000, { description: "Of a topic that is created.", default: 1 })),
    retention: Type.Optional(durationOrForever({ description: "How long records are kept.", default: "forever" })),
    replication: Type.Optional(
      whole(1, 100, { description: "Copies of each partition. The broker's default unless given." }),
    ),
  },
  { title: "a map of partitions, retention, replication", description: "The records' topic.", default: {} },
);

export const dedup = keys(
  { window: Type.Optional(whole(1, 5_000_000, { description: "How many ids are remembered.", default: 100_000 })) },
  { title: "a map such as {window: 100000}", description: "An unchanged record is not written again.", default: {} },
);

const about = { title: "a map of the source's keys" };

/** A source as it may stand in the file; nothing is required, because `defaults` may give it. */
export const source = keys(
  {
    ...requestKeys,
    auth: Type.Optional(auth),
    ...scheduleKeys,
    ...networkKeys,
    ...extractKeys,
    cursor: Type.Optional(cursor),
    pagination: Type.Optional(pagination),
    rate_limit: Type.Optional(rateLimit),
    retry: Type.Optional(retry),
    dedup: Type.Optional(dedup),
    topic: Type.Optional(topic),
    parent: Type.Optional(
      text({
        title: "the name of another source",
        description: "Requests are made for each of that source's records: `{{ parent.id }}`.",
      }),
    ),
    autostart: Type.Optional(
      flag({ description: "Whether to poll where nobody ever said Start or Stop.", default: false }),
    ),
  },
  about,
);

export type SourceFile = Static<typeof source>;

export const sourceName = { pattern: "^[A-Za-z0-9._-]{1,100}$", title: '1 to 100 letters, digits, ".", "_" or "-"' };

const kafka = keys(
  {
    brokers: Type.Optional(
      Type.Array(
        Type.String({
          pattern: String.raw`^(\[[0-9a-fA-F:]+\]|[^\s:/,]+):\d{1,5}$`,
          title: "an address of the form host:port",
        }),
        {
          minItems: 1,
          title: "a list of host:port",
          description: "One broker at least. The variable KAFKA_BROKERS goes before it.",
          default: ["127.0.0.1:9092"],
        },
      ),
    ),
    topic_prefix: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9._-]{1,60}$",
        title: '1 to 60 letters, digits, ".", "_" or "-"',
        description: "The first part of every name in Kafka. The variable TOPIC_PREFIX goes before it.",
        default: "apispool",
      }),
    ),
  },
  { title: "a map of brokers, topic_prefix", description: "How to reach Kafka." },
);

/** The whole of `apispool.yaml`. Keys that begin with `x-` are for anchors, and passed over. */
export const file = Type.Unsafe<{
  readonly kafka?: Static<typeof kafka>;
  readonly defaults?: SourceFile;
  readonly sources: Readonly<Record<string, SourceFile>>;
}>({
  type: "object",
  title: "a map of kafka, defaults, sources",
  required: ["sources"],
  properties: {
    kafka,
    defaults: { ...source, description: "Keys that hold for every source that does not give its own." },
    sources: mapOf(source, sourceName, {
      title: "a map of sources by name",
      description: "What is polled; the name is the one in topics, status and requests.",
    }),
  },
  patternProperties: { "^x-": true },
  additionalProperties: false,
});

export type ConfigFile = Static<typeof file>;
