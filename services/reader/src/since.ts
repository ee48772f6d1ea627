import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import type { Start } from "./positions.js";

/** RFC 3339, section 5.6. No cursor has a colon. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * The place in the log that `since` names by a word or a time; undefined where it is a cursor. Throws INVALID_ARGUMENT for a
 * time that is none.
 */
export function placeInLog(since: string): Start | undefined {
  if (since === "earliest" || since === "latest") return since;
  if (!since.includes(":")) return undefined;
  const ms = rfc3339.test(since) ? Date.parse(since.toUpperCase()) : Number.NaN;
  if (ms >= 0) return { timestampMs: ms };
  throw invalidArgument([problem(since)]);
}

function problem(since: string): FieldProblem {
  const allowed = 'it must be a cursor, "earliest", "latest", or a time from 1970 on such as 2026-11-24T12:00:00Z';
  return { field: "since", problem: `is "${since}"; ${allowed}` };
}
