import { InvalidArgumentError } from "@commander-js/extra-typings";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StartAtSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { parseDuration } from "@apispool/common/env.js";

/** A place in the log that is no cursor; a time in milliseconds since 1970. */
export type Place = "earliest" | "latest" | { readonly timeMs: number };

const allowed = "earliest, latest, a time such as 2026-11-24T12:00:00Z, or how long ago, such as 90s, 15m, 2h or 7d";
const rfc3339 = /^\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** Undefined for what is neither a word, nor a time (RFC 3339, or its date alone, in UTC), nor how long ago. */
function placeOf(text: string, now: number): Place | undefined {
  if (text === "earliest" || text === "latest") return text;
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return { timeMs: Math.max(0, now - agoMs) };
  const timeMs = rfc3339.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return timeMs >= 0 ? { timeMs } : undefined;
}

/** Reads an option that names a place. */
export function parsePlace(now: () => number): (text: string) => Place {
  return (text) => {
    const place = placeOf(text, now());
    if (place === undefined) throw new InvalidArgumentError(`Allowed: ${allowed}.`);
    return place;
  };
}

/** Reads an option that is a time, or how long ago. */
export function parseTime(now: () => number): (text: string) => number {
  return (text) => {
    const place = placeOf(text, now());
    if (typeof place === "object") return place.timeMs;
    throw new InvalidArgumentError("Allowed: a time such as 2026-11-24T12:00:00Z, or how long ago, such as 15m or 7d.");
  };
}

/** Reads an option that names a place or is a cursor, as `since` of the contract has it. */
export function parseSince(now: () => number): (text: string) => string {
  return (text) => {
    const place = placeOf(text, now());
    if (place !== undefined) return typeof place === "string" ? place : new Date(place.timeMs).toISOString();
    // No cursor is that short, and none holds anything else.
    if (!/^[\w-]{8,}$/.test(text)) throw new InvalidArgumentError(`Allowed: ${allowed}, or a cursor.`);
    return text;
  };
}

/** The place as requests have it. */
export function placeInit(place: Place): NonNullable<MessageInitShape<typeof StartAtSchema>["at"]> {
  if (place === "earliest") return { case: "earliest", value: {} };
  if (place === "latest") return { case: "latest", value: {} };
  return { case: "timestamp", value: timestampFromMs(place.timeMs) };
}
