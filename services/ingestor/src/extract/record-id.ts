import type { Expression } from "../config/source-config.js";
import { kindOf, lookup, scalarText } from "./lookup.js";
import { ItemError } from "./raw-item.js";

/** Kafka keys and headers are small; so is every id that a person would call one. */
const MAX_ID_BYTES = 1024;

/** Where an id is looked for that nobody named; a feed's items call it guid. */
const DEFAULT_NAMES = ["id", "guid"];

/** The id that the expressions find. Throws {@link ItemError} where one finds none. */
export function idOf(expressions: readonly Expression[], value: unknown, document: unknown): string {
  const [only] = expressions;
  if (expressions.length === 1 && only !== undefined) return part(only, value, document);
  const joined = expressions
    .map((expression) => part(expression, value, document).replaceAll(/[\\|]/g, String.raw`\$&`))
    .join("|");
  return checkedSize(joined, "its id");
}

/** The id that is looked for where none is configured; undefined where there is none. */
export function defaultIdOf(value: unknown, document: unknown): string | undefined {
  if (typeof value !== "object" || value === null) throw new ItemError(`it is ${kindOf(value)}, not an object`);
  for (const name of DEFAULT_NAMES) {
    if (!Object.hasOwn(value, name)) continue;
    const text = scalarText((value as Readonly<Record<string, unknown>>)[name], document);
    if (text !== undefined && text !== "" && Buffer.byteLength(text) <= MAX_ID_BYTES) return text;
  }
  return undefined;
}

/** The Kafka key that an expression finds; undefined where it finds none. */
export function keyOf(expression: Expression, value: unknown, document: unknown): string | undefined {
  const text = scalarText(lookup(expression, value), document);
  return text === undefined || text === "" ? undefined : checkedSize(text, `its key at "${expression.text}"`);
}

function part(expression: Expression, value: unknown, document: unknown): string {
  const found = lookup(expression, value);
  const where = `at "${expression.text}"`;
  const text = scalarText(found, document);
  if (text !== undefined && text !== "") return checkedSize(text, `its id ${where}`);
  if (found === undefined || found === null) throw new ItemError(`it has no id ${where}`);
  throw new ItemError(`its id ${where} is ${text === "" ? "empty" : kindOf(found)}; a text or a number is allowed`);
}

function checkedSize(text: string, what: string): string {
  if (Buffer.byteLength(text) > MAX_ID_BYTES) throw new ItemError(`${what} is longer than ${MAX_ID_BYTES} bytes`);
  return text;
}
