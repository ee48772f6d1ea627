import type { Expression } from "../config/source-config.js";
import { valueAt } from "../extract/json-path.js";

/** A plain path, as the configuration compiles it. */
export function path(text: string): Expression {
  const names = text === "@" ? [] : text.split(".");
  return { text, path: names, evaluate: (document) => valueAt(document, names) ?? null };
}

/** An expression that is no plain path; what it does stands in for what JMESPath would. */
export function expression(text: string, evaluate: (document: never) => unknown): Expression {
  return { text, path: undefined, evaluate: (document) => evaluate(document as never) };
}
