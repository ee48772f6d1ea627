import type { Expression, Literal, Step } from "../where/expression.js";

/**
 * A `where` as a function of a value's JSON text (null: it is not JSON). It is JavaScript called from SQL and not SQL made of
 * the expression: SQLite's own JSON functions take 1.5 µs for what takes this 4, but find the first of several members of one name
 * where JSON.parse finds the last, know numbers that are no doubles, and end the whole query at a text that is not JSON.
 */
export function whereMatches(where: Expression): (text: string | null) => boolean {
  const test = compile(where);
  return (text) => test(text === null ? undefined : parsed(text));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `undefined` stands for what is not there. */
type Test = (document: unknown) => boolean;

function compile(where: Expression): Test {
  switch (where.kind) {
    case "and": {
      const tests = where.operands.map(compile);
      return (document) => tests.every((test) => test(document));
    }
    case "or": {
      const tests = where.operands.map(compile);
      return (document) => tests.some((test) => test(document));
    }
    case "not": {
      const test = compile(where.operand);
      return (document) => !test(document);
    }
    case "exists":
      return (document) => follow(document, where.path) !== undefined;
    case "compare": {
      const { path, comparator, literal } = where;
      if (comparator === "=") return (document) => follow(document, path) === literal;
      if (comparator === "!=") return (document) => follow(document, path) !== literal;
      return (document) => {
        const order = compare(follow(document, path), literal);
        if (order === undefined) return false;
        if (comparator === "<") return order < 0;
        if (comparator === "<=") return order <= 0;
        return comparator === ">" ? order > 0 : order >= 0;
      };
    }
  }
}

function follow(document: unknown, path: readonly Step[]): unknown {
  let at = document;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    if (typeof step === "number") at = Array.isArray(at) ? (at.at(step) as unknown) : undefined;
    else at = !Array.isArray(at) && Object.hasOwn(at, step) ? (at as Record<string, unknown>)[step] : undefined;
  }
  return at;
}

/** Undefined: of different types, or of one that has no order. */
function compare(value: unknown, literal: Literal): number | undefined {
  if (typeof value === "number" && typeof literal === "number") return value - literal;
  if (typeof value !== "string" || typeof literal !== "string") return undefined;
  return Buffer.compare(Buffer.from(value), Buffer.from(literal));
}
