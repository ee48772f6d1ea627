import Type, { type Static } from "typebox";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { operation } from "./operation.js";
import { problem, upstreamProblems } from "./problems.js";
import {
  anyText,
  count,
  fields,
  flag,
  listOf,
  named,
  nullable,
  oneOf,
  partition,
  serverSentEvent,
  sourceName,
  sourceNames,
  time,
  whole,
} from "./schema.js";

const namesOf = (values: Readonly<Record<string, number | string>>): string[] =>
  Object.keys(values).filter((name) => Number.isNaN(Number(name)));

const whole32 = (description: string) => whole(0, 2 ** 32 - 1, { description });

/**
 * How one source stands, as `/worker` gives it. The names are stable, and every one of them is always there: null
 * says "not known" or "not yet". Times are ISO 8601 in UTC, durations are in seconds. A count beyond 2^53 is a string.
 */
export const workerSource = named(
  "SourceStatus",
  Type.Object(
    {
      source: anyText({ description: "Its name." }),
      changed: flag({ description: "Whether the start or stop that this answers changed the desired state." }),
      desiredState: oneOf(namesOf(DesiredState), { description: "What it was told." }),
      actualState: oneOf(namesOf(ActualState), { description: "What it does." }),
      since: nullable(time(), { description: "When the actual state was entered." }),
      url: anyText({ description: "What is polled." }),
      lastPollAt: nullable(time(), { description: "When the last poll began." }),
      lastSuccessAt: nullable(time(), { description: "When a poll last succeeded." }),
      nextPollAt: nullable(time(), { description: "When the next poll is due." }),
      lastPollLatencySeconds: nullable(Type.Number({ minimum: 0 }), { description: "How long the last poll took." }),
      lastHttpStatus: nullable(whole(100, 999), { description: "The HTTP status of the API's last answer." }),
      lastError: nullable(anyText(), { description: "The last error in words; null after a success." }),
      consecutiveFailures: whole32("Polls that failed in a row, up to now."),
      polls: count({ description: "Polls since the ingestor began." }),
      notModified: count({ description: "Polls that were answered 304." }),
      recordsSinceStart: count({ description: "Records written since the ingestor began." }),
      recordsTotal: count({ description: "Records written in all." }),
      duplicatesDropped: count({ description: "Records left out because they had been written before, unchanged." }),
      deadLettered: count({ description: "Items that could not become records." }),
      owner: nullable(anyText(), { description: "The ingestor that polls it, `host#pid#id`; null while nobody does." }),
      cursor: nullable(anyText(), { description: "The greatest value of the cursor's field so far." }),
      currentPage: whole32("The page that is being read, from 1; 0 between polls."),
      rateLimit: nullable(Type.Object({ remaining: count(), resetsAt: nullable(time()) }), {
        description: "What the API said last of its rate limit.",
      }),
    },
    { description: "How a source stands. Every name is always there: null says not known, or not yet." },
  ),
);
export type WorkerSource = Static<typeof workerSource>;

const workerAnswer = named("Sources", Type.Object({ sources: listOf(workerSource) }));

const exampleStatus: WorkerSource = {
  source: "quakes",
  changed: true,
  desiredState: "STARTED",
  actualState: "IDLE",
  since: "2026-11-24T23:20:00.384Z",
  url: "http://127.0.0.1:4000/feed",
  lastPollAt: "2026-11-24T23:20:00.101Z",
  lastSuccessAt: "2026-11-24T23:20:00.384Z",
  nextPollAt: "2026-11-24T23:20:01.101Z",
  lastPollLatencySeconds: 0.283,
  lastHttpStatus: 200,
  lastError: null,
  consecutiveFailures: 0,
  polls: 12,
  notModified: 4,
  recordsSinceStart: 31,
  recordsTotal: 1207,
  duplicatesDropped: 0,
  deadLettered: 0,
  owner: "host#4711#a1b2",
  cursor: null,
  currentPage: 0,
  rateLimit: null,
};

const triedSource = named(
  "TriedSource",
  Type.Object(
    {
      source: anyText(),
      records: listOf(
        Type.Object({
          id: anyText(),
          key: anyText({ description: "Its Kafka key." }),
          eventTime: nullable(anyText(), { description: "When it happened, where the source says so." }),
          record: Type.Unsafe<unknown>({ description: "Its own JSON." }),
        }),
        { description: "What would be written." },
      ),
      recordsTotal: count(),
      deadLetters: listOf(Type.Object({ place: anyText(), reason: anyText(), raw: anyText() }), {
        description: "What could not become a record.",
      }),
      deadLettersTotal: count(),
      duplicates: count({ description: "What had been written before, unchanged." }),
      requests: listOf(
        Type.Object({
          method: anyText(),
          url: anyText({ description: "Without credentials." }),
          status: nullable(whole(100, 999)),
        }),
      ),
      pages: whole32("Pages that were read."),
      more: flag({ description: "Whether there is more to be had." }),
      nextCursor: nullable(anyText(), { description: "The cursor that the next poll would begin with." }),
      error: nullable(anyText(), { description: "What went wrong, in words." }),
    },
    { description: "What a poll would have done; nothing was written." },
  ),
);

const sourceQuery = fields({
  source: Type.Optional(
    listOf(sourceName(), {
      description: "Only these sources; may be repeated.",
      allowed: "names of sources, or be left out for all",
    }),
  ),
});

export const getWorker = operation({
  method: "GET",
  path: "/worker",
  id: "getStatus",
  tag: "Sources",
  summary: "The status of the sources",
  query: sourceQuery,
  answers: {
    200: {
      description: "In the order of their names.",
      content: { "application/json": { schema: workerAnswer, example: { sources: [exampleStatus] } } },
    },
  },
  problems: [...upstreamProblems, 404],
});

export const workerCommands = ["start", "stop", "test"] as const;

export const postWorker = operation({
  method: "POST",
  path: "/worker",
  id: "control",
  tag: "Sources",
  summary: "Starts, stops or tries sources",
  description:
    "`start` and `stop` set the desired state, which outlives every process; repeated, they change nothing and say so. `test` asks the APIs once and writes nothing.",
  body: named(
    "Command",
    fields({
      command: oneOf(workerCommands, { description: "What to do." }),
      sources: Type.Optional({ ...sourceNames(), description: "Which; left out or empty: all." }),
    }),
  ),
  examples: {
    start: { summary: "Start all", value: { command: "start" } },
    stop: { summary: "Stop one", value: { command: "stop", sources: ["quakes"] } },
    test: { summary: "Try all", value: { command: "test" } },
  },
  answers: {
    200: {
      description: "How the sources stand now; after `test` what a poll would have done.",
      content: {
        "application/json": {
          schema: Type.Union([workerAnswer, named("TriedSources", Type.Object({ sources: listOf(triedSource) }))]),
          example: { sources: [exampleStatus] },
        },
      },
    },
  },
  problems: [...upstreamProblems, 404],
});

export const getWorkerEvents = operation({
  method: "GET",
  path: "/worker/events",
  id: "watchStatus",
  tag: "Sources",
  summary: "The status as events: all of it at once, then each source that changes",
  query: sourceQuery,
  answers: {
    200: {
      description: "Does not end by itself.",
      content: {
        "text/event-stream": {
          schema: serverSentEvent(Type.Union([workerAnswer, problem]), {
            description: "Each event. One without a name is a status, `error` a problem after which the stream ends.",
          }),
          example: `data: ${JSON.stringify({ sources: [exampleStatus] })}\n\n`,
        },
      },
    },
  },
  problems: [...upstreamProblems, 404],
});

export const headWorkerEvents = operation({
  ...getWorkerEvents,
  method: "HEAD",
  id: "headStatusEvents",
  summary: "The head of the same GET",
  answers: { 200: { description: "What GET would answer; without a body.", content: { "text/event-stream": {} } } },
  problems: [400],
});

const deadLetter = named(
  "DeadLetter",
  Type.Object(
    {
      source: anyText(),
      partition: partition(),
      offset: count({ description: "Its place in the dead-letter topic." }),
      writtenAt: nullable(time()),
      reason: anyText({ description: "Why it could not become a record." }),
      place: anyText({ description: "Where it was in the API's answer." }),
      raw: nullable(anyText(), { description: "What it was, where that is text." }),
      rawBase64: nullable(Type.String(), { description: "What it was, where it is no text." }),
      fullBytes: count({ description: "How long it was before it was cut." }),
    },
    { description: "What could not become a record. Of `raw` and `rawBase64` one is null." },
  ),
);
export type DeadLetterJson = Static<typeof deadLetter>;

export const getDeadLetters = operation({
  method: "GET",
  path: "/worker/dead-letters",
  id: "listDeadLetters",
  tag: "Sources",
  summary: "What could not become a record",
  description: "The newest first; at most 2 MiB of raw bytes together.",
  query: fields({
    ...sourceQuery.properties,
    limit: Type.Optional(whole(1, 1000, { description: "The most of them.", default: 100 })),
    max_raw_bytes: Type.Optional(whole(1, 512 * 1024, { description: "The most raw bytes of each.", default: 4096 })),
  }),
  answers: {
    200: {
      description: "Dead letters.",
      content: {
        "application/json": {
          schema: named(
            "DeadLetters",
            Type.Object({
              deadLetters: listOf(deadLetter),
              more: flag({ description: "Whether there are more of them." }),
            }),
          ),
          example: {
            deadLetters: [
              {
                source: "quakes",
                partition: 0,
                offset: 3,
                writtenAt: "2026-11-24T23:20:00.384Z",
                reason: "it has no id",
                place: "item 2",
                raw: '{"mag":2}',
                rawBase64: null,
                fullBytes: 9,
              },
            ],
            more: false,
          },
        },
      },
    },
  },
  problems: [...upstreamProblems, 404],
});
