import type { Step } from "../where/expression.js";

/** A larger value is not taken apart: as BSON it might be beyond what a document may hold (16 MB), an array of digits is eight times as long. */
const MOST_BYTES = 1024 * 1024;
/** MongoDB takes documents up to 100 levels deep (FerretDB about as many). */
const MOST_DEPTH = 90;

/**
 * A JSON value as a document in which a path leads, on every server, to just what it leads to in JSON: an array is a document with the
 * members `[0]`, `[1]` …, because MongoDB's own paths look into every element of an array, and FerretDB keeps none within another. Names
 * that a path or a server would take for something else are escaped. Undefined where BSON cannot hold it; `where` is then evaluated on the bytes.
 */
export function documentOf(json: unknown, bytes: number): unknown {
  if (bytes > MOST_BYTES) return undefined;
  try {
    return encode(json, 0);
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

class Unfit extends Error {}

function encode(json: unknown, depth: number): unknown {
  if (typeof json === "number" && !Number.isFinite(json)) throw new Unfit();
  if (typeof json !== "object" || json === null) return json;
  if (depth === MOST_DEPTH) throw new Unfit();
  const members: readonly (readonly [string, unknown])[] = Array.isArray(json)
    ? json.map((element, index) => [`[${index}]`, element] as const)
    : Object.entries(json).map(([name, member]) => [escapeName(name), member] as const);
  return Object.fromEntries(members.map(([name, member]) => [name, encode(member, depth + 1)]));
}

/** The field that a path names, below the field that holds the value; undefined for an index from the end, which no path of MongoDB's has. */
export function fieldOf(root: string, path: readonly Step[]): string | undefined {
  const parts = path.map((step) => (typeof step === "string" ? escapeName(step) : step < 0 ? undefined : `[${step}]`));
  return parts.includes(undefined) ? undefined : [root, ...parts].join(".");
}

/** Names of the driver's own (`_bsontype`) and of JavaScript's. */
const special: ReadonlySet<string> = new Set(["_bsontype", "__proto__", "toBSON"]);

function escapeName(name: string): string {
  if (name === "") return "%";
  // Half of a surrogate pair would become U+FFFD.
  if (Buffer.from(name).toString() !== name) throw new Unfit();
  if (special.has(name)) return code(name.charAt(0)) + name.slice(1);
  // A dot ends a step, a dollar begins an operator, NUL ends a name; FerretDB does not take blanks at the ends.
  return name.replace(/[%.\0]|^[$[\s\u0085]|[\s\u0085]$/g, code);
}

function code(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
