import type { CursorConfig } from "../config/source-config.js";
import { compareDecimals, isDecimal } from "./decimal.js";
import { toEventTime } from "./event-time.js";
import { scalarText } from "./lookup.js";

type CursorType = CursorConfig["type"];

/**
 * A cursor field's value in the one form in which values of its type are compared and kept: times as RFC 3339 in UTC with
 * milliseconds (finer ones rounded down: the next request then begins a little earlier, never later), numbers with every
 * digit, texts as they are. Undefined where it is none.
 */
export function cursorValue(type: CursorType, found: unknown, document: unknown): string | undefined {
  const text = scalarText(found, document);
  if (text === undefined || text === "") return undefined;
  if (type === "time") return toEventTime(typeof found === "number" ? found : text);
  if (type === "number") return isDecimal(text.trim()) ? text.trim() : undefined;
  return text;
}

/** Negative, zero or positive; both have to be values that {@link cursorValue} made. */
export function compareCursors(type: CursorType, a: string, b: string): number {
  if (type === "number") return compareDecimals(a, b);
  // RFC 3339 in one zone and precision is in order as text is.
  return a < b ? -1 : a > b ? 1 : 0;
}
