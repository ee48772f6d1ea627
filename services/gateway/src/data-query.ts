import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  AckMode,
  FetchUnreadRequestSchema,
  type FetchUnreadRequest,
  type StartAt,
  StartAtSchema,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { type RawFilter, filterBodyNames, filterFromUrl, filterOf, filterQueryNames } from "./data-filter.js";
import { type JsonObject, unknownFields } from "./json-body.js";
import { shown, timeOf } from "./json-text.js";

/** The longest `wait`, in seconds. */
const maxWaitSeconds = 300;

/** A fetch as the JSON API takes it, checked in form; what the names and cursors mean the reader checks. */
export interface DataQuery {
  readonly request: FetchUnreadRequest;
  /** The client acknowledges by cursor, so it needs the cursor in NDJSON too. */
  readonly manual: boolean;
  /** What was said of `follow`; undefined: nothing. */
  readonly follow?: boolean | undefined;
}

const queryNames = ["reader", "source", "limit", "max_bytes", "wait", "ack", "since", "start", "follow"] as const;
const bodyNames = ["reader", "sources", "limit", "max_bytes", "wait", "ack", "since", "start", "follow"] as const;
const listNames: readonly string[] = ["source", "key", "header"];

/** The values as they came in, by name; undefined where nothing was given. */
interface Raw extends RawFilter {
  readonly reader?: unknown;
  readonly sources?: unknown;
  readonly limit?: unknown;
  readonly max_bytes?: unknown;
  readonly wait?: unknown;
  readonly ack?: unknown;
  readonly since?: unknown;
  readonly start?: unknown;
  readonly follow?: unknown;
}

/** Parses the query of `GET /data`; throws INVALID_ARGUMENT that names everything that is wrong. */
export function dataQueryFromUrl(query: URLSearchParams): DataQuery {
  const problems: FieldProblem[] = [];
  for (const name of new Set(query.keys())) {
    const known: readonly string[] = [...queryNames, ...filterQueryNames];
    if (!known.includes(name)) problems.push({ field: name, problem: `is unknown; known are ${known.join(", ")}` });
    else if (!listNames.includes(name) && query.getAll(name).length > 1) {
      problems.push({ field: name, problem: `is given more than once; only ${listNames.join(", ")} may be repeated` });
    }
  }
  const one = (name: string): string | undefined => query.get(name) ?? undefined;
  const number = (name: string): unknown => {
    const text = one(name);
    return text === undefined ? undefined : /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  };
  const sources = query.getAll("source");
  return parse(
    {
      reader: one("reader"),
      sources: sources.length === 0 ? undefined : sources,
      limit: number("limit"),
      max_bytes: number("max_bytes"),
      wait: number("wait"),
      ack: one("ack"),
      since: one("since"),
      start: one("start"),
      follow: ({ true: true, false: false } as Record<string, unknown>)[one("follow") ?? ""] ?? one("follow"),
      ...filterFromUrl(query, (field, problem) => void problems.push({ field, problem })),
    },
    { sources: "source", keys: "key" },
    problems,
  );
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

/** Parses the body of `POST /data`: the same names, but `sources` and `keys`, lists, and `headers`, an object. */
export function dataQueryFromBody(body: JsonObject): DataQuery {
  return parse(body, { sources: "sources", keys: "keys" }, unknownFields(body, [...bodyNames, ...filterBodyNames]));
}

/** What the lists are called where they come from. */
interface ListNames {
  readonly sources: string;
  readonly keys: string;
}

function parse(raw: Raw, names: ListNames, problems: FieldProblem[]): DataQuery {
  const wrong = (field: string, problem: string): undefined => void problems.push({ field, problem });
  const text = (field: keyof Raw, value: unknown): string => {
    if (value === undefined) return "";
    if (typeof value === "string" && value !== "") return value;
    wrong(field, value === "" ? "is empty; leave it out instead" : `is ${shown(value)}; it must be a string`);
    return "";
  };
  const whole = (field: keyof Raw, value: unknown): bigint => {
    if (value === undefined) return 0n;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
    wrong(field, `is ${shown(value)}; it must be a whole number from 0 (no limit)`);
    return 0n;
  };
  const reader = text("reader", raw.reader);
  const since = text("since", raw.since);
  const ack = ackOf(text("ack", raw.ack));
  if (since !== "" && raw.ack !== undefined && raw.ack !== "manual") {
    wrong("ack", "goes with since only as manual: a fetch from a cursor acknowledges nothing");
  }
  const sources = sourcesOf(raw.sources, names.sources, wrong);
  const start = startOf(text("start", raw.start), wrong);
  const follow = typeof raw.follow === "boolean" ? raw.follow : undefined;
  if (raw.follow !== follow) wrong("follow", `is ${shown(raw.follow)}; it must be true or false`);
  const request = create(FetchUnreadRequestSchema, {
    reader,
    sources,
    limit: whole("limit", raw.limit),
    maxBytes: whole("max_bytes", raw.max_bytes),
    since,
    follow: follow ?? false,
    ack: ack.mode,
    ackCursor: ack.cursor,
    ...filterOf(raw, names.keys, wrong),
    ...waitOf(raw.wait, wrong),
    ...(start === undefined ? {} : { start }),
  });
  if (problems.length > 0) throw invalidArgument(problems);
  return { request, manual: ack.mode === AckMode.MANUAL, follow };
}

type Wrong = (field: string, problem: string) => undefined;

/** A cursor acknowledges what came before, and leaves what comes now to the next cursor. */
function ackOf(ack: string): { mode: AckMode; cursor: string } {
  if (ack === "" || ack === "auto") return { mode: AckMode.AUTO, cursor: "" };
  return { mode: AckMode.MANUAL, cursor: ack === "manual" ? "" : ack };
}

function sourcesOf(value: unknown, name: string, wrong: Wrong): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    wrong(name, `is ${shown(value)}; it must be a list of names, or be left out for all sources`);
    return [];
  }
  const items: unknown[] = value;
  return items.flatMap((item, index) => {
    if (typeof item === "string" && item !== "") return [item];
    wrong(`${name}[${index}]`, `is ${shown(item)}; it must be the name of a source`);
    return [];
  });
}

function waitOf(value: unknown, wrong: Wrong): Pick<FetchUnreadRequest, "wait"> | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= 0 && value <= maxWaitSeconds) {
    return { wait: durationFromMs(Math.round(value * 1000)) };
  }
  return wrong("wait", `is ${shown(value)}; it must be a number of seconds from 0 to ${maxWaitSeconds}`);
}

function startOf(value: string, wrong: Wrong): StartAt | undefined {
  if (value === "") return undefined;
  if (value === "earliest") return create(StartAtSchema, { at: { case: "earliest", value: {} } });
  if (value === "latest") return create(StartAtSchema, { at: { case: "latest", value: {} } });
  const at = timeOf(value);
  if (at !== undefined) return create(StartAtSchema, { at: { case: "timestamp", value: at } });
  return wrong("start", `is ${shown(value)}; it must be earliest, latest, or a time such as 2026-11-24T12:00:00Z`);
}
