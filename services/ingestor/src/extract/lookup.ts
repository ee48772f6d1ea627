import type { Expression } from "../config/source-config.js";
import { numberText } from "./exact-numbers.js";
import { valueAt } from "./json-path.js";

/** What an expression finds; a plain path is followed here, without the interpreter. */
export function lookup(expression: Expression, value: unknown): unknown {
  return expression.path === undefined ? expression.evaluate(value) : valueAt(value, expression.path);
}

/**
 * A text or a number as text, with every digit that was sent; undefined for anything else. An XML element that has
 * attributes beside its text counts as its text.
 */
export function scalarText(value: unknown, document: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(document, value);
  if (typeof value === "object" && value !== null && Object.hasOwn(value, "#text")) {
    const text = (value as Readonly<Record<string, unknown>>)["#text"];
    return typeof text === "string" ? text : undefined;
  }
  return undefined;
}

/** What a value is, in words for a message. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
