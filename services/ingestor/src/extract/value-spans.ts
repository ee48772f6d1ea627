import { elementSpans, memberSpans, type Span, valueSpan } from "./json-spans.js";

/**
 * Where in a JSON text the given objects and lists stand, which came out of parsing that text: an expression hands out the
 * document's own objects, and their bytes are wanted, not a new print of them. What an expression has made is in none.
 */
export function spansOf(json: Buffer, document: unknown, wanted: readonly unknown[]): ReadonlyMap<unknown, Span> {
  const missing = new Set<unknown>(wanted.filter((value) => typeof value === "object" && value !== null));
  const found = new Map<unknown, Span>();
  const open: [value: unknown, span: Span][] = [[document, valueSpan(json, 0)]];
  for (let next = open.pop(); next !== undefined && missing.size > 0; next = open.pop()) {
    const [value, span] = next;
    if (missing.delete(value)) found.set(value, span);
    if (Array.isArray(value)) {
      for (const [i, element] of elementSpans(json, span).entries()) open.push([value[i], element]);
    } else if (typeof value === "object" && value !== null) {
      const members = value as Readonly<Record<string, unknown>>;
      for (const [name, member] of memberSpans(json, span)) open.push([members[name], member]);
    }
  }
  return found;
}
