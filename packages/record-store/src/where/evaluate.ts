import type { Comparator, Expression, Literal, Step } from "./expression.js";

/** That a path leads nowhere, or a value is not JSON. No value of JSON is undefined. */
type Json = unknown;

/** A record's value, read once for any number of conditions; undefined where it is not JSON. */
export function jsonOf(value: Buffer | string | null): Json {
  if (value === null) return undefined;
  try {
    return JSON.parse(value.toString());
  } catch {
    return undefined;
  }
}

/** Whether a condition is true of a record's value: the reference for every store, and what answers where a database cannot. */
export function evaluate(expression: Expression, value: Buffer | string | null): boolean {
  return isTrueOf(expression, jsonOf(value));
}

/** The same of what {@link jsonOf} gave. */
export function isTrueOf(expression: Expression, json: Json): boolean {
  switch (expression.kind) {
    case "and":
      return expression.operands.every((operand) => isTrueOf(operand, json));
    case "or":
      return expression.operands.some((operand) => isTrueOf(operand, json));
    case "not":
      return !isTrueOf(expression.operand, json);
    case "exists":
      return follow(expression.path, json) !== undefined;
    case "compare":
      return compare(follow(expression.path, json), expression.comparator, expression.literal);
  }
}

function follow(path: readonly Step[], json: Json): Json {
  let here = json;
  for (const step of path) {
    if (typeof here !== "object" || here === null) return undefined;
    if (typeof step === "number") here = Array.isArray(here) ? (here.at(step) as Json) : undefined;
    else here = !Array.isArray(here) && Object.hasOwn(here, step) ? (here as Record<string, Json>)[step] : undefined;
  }
  return here;
}

function compare(value: Json, comparator: Comparator, literal: Literal): boolean {
  if (comparator === "!=") return !compare(value, "=", literal);
  if (typeof literal === "number" && typeof value === "number")
    return holds(compareNumbers(value, literal), comparator);
  if (typeof literal === "string" && typeof value === "string") return holds(compareText(value, literal), comparator);
  return comparator === "=" && value === literal;
}

function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** By UTF-8 bytes: JavaScript's own order is that of UTF-16, in which U+FFFD comes after an emoji. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function holds(order: number, comparator: Comparator): boolean {
  switch (comparator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}
