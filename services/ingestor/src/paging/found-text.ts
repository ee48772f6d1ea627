import type { Expression } from "../config/source-config.js";
import { numberText } from "../extract/exact-numbers.js";
import { lookup } from "../extract/lookup.js";

/** What an expression finds in a page's document; null where the page has none (ndjson, csv, nothing at all). */
export function findIn(document: unknown, expression: Expression): unknown {
  return document === undefined || document === null ? null : (lookup(expression, document) ?? null);
}

/**
 * A token for the next page as text, with every digit; undefined where it says that there is none, as APIs do: null, "",
 * false, or the number 0.
 */
export function tokenText(value: unknown, document: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value === "number") return value === 0 ? undefined : numberText(document, value);
  return undefined;
}

/** A count that an API tells, as a number or as text; undefined where it tells none. */
export function countOf(value: unknown): number | undefined {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? count : undefined;
}
