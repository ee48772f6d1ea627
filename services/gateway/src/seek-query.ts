import { create } from "@bufbuild/protobuf";
import {
  type Position,
  PositionSchema,
  type SeekRequest,
  SeekRequestSchema,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { unknownFields, type JsonObject } from "./json-body.js";
import { shown, timeOf } from "./json-text.js";

const allowed =
  'must be "earliest", "latest", a time such as "2026-11-24T12:00:00Z", {"cursor":"…"} or ' +
  '{"offsets":[{"source":"…","partition":0,"offset":0}]}';

type Wrong = (field: string, problem: string) => undefined;

/**
 * The body of `POST /data/seek`: `reader`, `to` and `sources`. A place is said as `start` says it on `/data`; what `start`
 * has no word for is an object. Throws INVALID_ARGUMENT that names everything that is wrong.
 */
export function seekFromBody(body: JsonObject): SeekRequest {
  const problems: FieldProblem[] = unknownFields(body, ["reader", "to", "sources"]);
  const wrong: Wrong = (field, problem) => void problems.push({ field, problem });
  const { reader = "", to, sources = [] } = body;
  if (typeof reader !== "string")
    wrong("reader", `is ${shown(reader)}; it must be a string; left out it means default`);
  const place = to === undefined ? wrong("to", `is missing; it ${allowed}`) : placeOf(to, wrong);
  const names = sourcesOf(sources, wrong);
  if (names.length > 0 && (place?.case === "cursor" || place?.case === "offsets")) {
    wrong("sources", `does not go with to.${place.case}, which says it itself`);
  }
  if (place === undefined || problems.length > 0) throw invalidArgument(problems);
  return create(SeekRequestSchema, { reader: String(reader), to: place, sources: names });
}

/** What a field of SeekRequest is called in the body. */
export function seekFieldName(field: string): string {
  return field === "cursor" || field === "timestamp"
    ? `to.${field}`
    : field.replace(/^offsets\.positions/, "to.offsets");
}

type Place = Exclude<Parameters<typeof create<typeof SeekRequestSchema>>[1], undefined>["to"];

function placeOf(to: unknown, wrong: Wrong): Place {
  if (to === "earliest" || to === "latest") return { case: to, value: {} };
  if (typeof to === "string") {
    const at = timeOf(to);
    return at === undefined ? wrong("to", `is ${shown(to)}; it ${allowed}`) : { case: "timestamp", value: at };
  }
  if (typeof to !== "object" || to === null || Array.isArray(to)) return wrong("to", `is ${shown(to)}; it ${allowed}`);
  const names = Object.keys(to);
  const { cursor, offsets } = to as { cursor?: unknown; offsets?: unknown };
  if (names.length !== 1 || (cursor === undefined && offsets === undefined)) {
    return wrong("to", `has ${names.length === 0 ? "nothing in it" : shown(names.join(", "))}; it ${allowed}`);
  }
  if (offsets !== undefined) return offsetsOf(offsets, wrong);
  if (typeof cursor === "string" && cursor !== "") return { case: "cursor", value: cursor };
  return wrong("to.cursor", `is ${shown(cursor)}; it must be the cursor of an earlier fetch`);
}

function offsetsOf(list: unknown, wrong: Wrong): Place {
  const form = 'it must be a list of {"source":"…","partition":0,"offset":0}, with one at least';
  if (!Array.isArray(list) || list.length === 0) {
    return wrong("to.offsets", `is ${Array.isArray(list) ? "empty" : shown(list)}; ${form}`);
  }
  const positions = list.map((item: unknown, i) => positionOf(item, `to.offsets[${i}]`, wrong));
  return { case: "offsets", value: { positions: positions.filter((position) => position !== undefined) } };
}

function positionOf(item: unknown, at: string, wrong: Wrong): Position | undefined {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    return wrong(at, `is ${shown(item)}; it must be {"source":"…","partition":0,"offset":0}`);
  }
  for (const { field, problem } of unknownFields(item as JsonObject, ["source", "partition", "offset"])) {
    wrong(`${at}.${field}`, problem);
  }
  const { source, partition, offset } = item as Record<string, unknown>;
  const whole = (value: unknown, most: number): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
  if (typeof source !== "string" || source === "") wrong(`${at}.source`, missingOr(source, "the name of a source"));
  if (!whole(partition, 2 ** 31 - 1)) wrong(`${at}.partition`, missingOr(partition, "a whole number from 0"));
  if (!whole(offset, Number.MAX_SAFE_INTEGER)) wrong(`${at}.offset`, missingOr(offset, "a whole number from 0"));
  return typeof source === "string" && whole(partition, 2 ** 31 - 1) && whole(offset, Number.MAX_SAFE_INTEGER)
    ? create(PositionSchema, { source, partition, offset: BigInt(offset) })
    : undefined;
}

function missingOr(value: unknown, must: string): string {
  return `${value === undefined ? "is missing" : `is ${shown(value)}`}; it must be ${must}`;
}

function sourcesOf(value: unknown, wrong: Wrong): string[] {
  if (!Array.isArray(value)) {
    wrong("sources", `is ${shown(value)}; it must be a list of names, or be left out for all sources`);
    return [];
  }
  return value.flatMap((item: unknown, i) => {
    if (typeof item === "string" && item !== "") return [item];
    wrong(`sources[${i}]`, `is ${shown(item)}; it must be the name of a source`);
    return [];
  });
}
