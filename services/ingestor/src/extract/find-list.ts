import { errorIn } from "../http/error-excerpt.js";
import { PollError } from "../poll-error.js";
import type { JsonPath } from "./json-path.js";
import { kindOf } from "./lookup.js";

/** A list of this name holds no records unless somebody says so. */
const ERRORS = "errors";
const SETTING = "records (SOURCE_RECORDS)";

/** The answer itself where it is a list, else the one list in it that can hold records (GeoJSON's bbox cannot). */
export function findList(document: unknown): JsonPath {
  if (Array.isArray(document)) return [];
  const lists = listsIn(document).filter(([name, list]) => name !== ERRORS || list.length > 0);
  const likely = lists.filter(([, list]) => list.every((item) => typeof item === "object" && item !== null));
  const [found, another] = likely.length > 0 ? likely : lists;
  if (found === undefined) {
    throw new PollError(`the answer is ${kindOf(document)} without a list of records; ${recordsHint(document)}`);
  }
  // GraphQL has nothing but this in an answer that failed.
  if (found[0] === ERRORS && another === undefined) {
    throw new PollError(`the answer has errors and no other list of records; ${recordsHint(document)}`);
  }
  if (another !== undefined) throw new PollError(`the answer has several lists; ${recordsHint(document)}`);
  return [found[0]];
}

/** What a person can do, where the records are not where they were looked for: most likely it is an error. */
export function recordsHint(document: unknown): string {
  const said = errorIn(document);
  if (said !== undefined) return `it says: "${said}"`;
  const lists = listsIn(document).map(([name]) => `"${name}"`);
  if (lists.length > 0) return `set ${SETTING} to the one with the records: ${lists.slice(0, 10).join(", ")}`;
  const names = typeof document === "object" && document !== null ? Object.keys(document).slice(0, 10) : [];
  if (Array.isArray(document) || names.length === 0) return "check the url";
  return `set ${SETTING} to where the list is, or to "@" if the answer is one record (it has: ${names.join(", ")})`;
}

function listsIn(document: unknown): [string, unknown[]][] {
  if (typeof document !== "object" || document === null || Array.isArray(document)) return [];
  return Object.entries(document).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
}
