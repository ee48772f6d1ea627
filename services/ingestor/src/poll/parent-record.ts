type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Source text access (ECMAScript 2026), which TypeScript's library does not describe yet. */
const { parse } = JSON as unknown as { parse: (text: string, reviver: SourceReviver) => unknown };

/**
 * A parent's record, for templates: a number that JavaScript would round is the text that was sent, so that an id with 19
 * digits leads to its own address. Throws as JSON.parse does.
 */
export function parseParentRecord(json: Buffer): unknown {
  return parse(json.toString("utf8"), (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? source : value,
  );
}
