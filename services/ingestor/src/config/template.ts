import { valueAt } from "../extract/json-path.js";
import { PollError } from "../poll-error.js";
import { asWritten, type Piece, withoutSecret } from "./interpolate.js";
import type { CursorConfig, Template, TemplateValues } from "./source-config.js";
import { compileFilter, type Filter, isMissing, missing, rfc3339, textOf, type Value } from "./template-filters.js";
import { type Head, type Part, parseTemplate, type Placeholder, TemplateError } from "./template-parse.js";
import { parseTime, timeFormatter } from "./template-time.js";

export interface TemplateContext {
  /** Names the template in errors: `sources.quakes.url`. Its text may hold secrets. */
  readonly label: string;
  /** What the source says of its cursor; undefined: it has none. */
  readonly cursor: Pick<CursorConfig, "type" | "format"> | undefined;
  /** Whether the source has a parent. */
  readonly parent: boolean;
}

export interface CompiledTemplate extends Template {
  /** What stays the same when a secret changes. */
  readonly stable: string;
  /** Whether it speaks of the parent's record. */
  readonly usesParent: boolean;
}

/** A template's part, ready to be filled in. */
export type Fill =
  | { readonly kind: "literal"; readonly text: string }
  | {
      readonly kind: "value";
      readonly head: Head;
      readonly filters: readonly string[];
      value(values: TemplateValues): Value;
    };

/** Compiles a text for a header, a parameter or a body. Throws TemplateError. */
export function compileTemplate(pieces: readonly Piece[], context: TemplateContext): CompiledTemplate {
  const { fills, ...template } = compileFills(pieces, context);
  if (fills.some((fill) => fill.kind === "value" && fill.filters.includes("raw"))) {
    throw new TemplateError("raw is only for an address; nothing is encoded here");
  }
  return {
    ...template,
    render: (values) =>
      fills.map((fill) => (fill.kind === "literal" ? fill.text : filled(fill, values, context))).join(""),
  };
}

/** What every kind of template has in common. */
export function compileFills(
  pieces: readonly Piece[],
  context: TemplateContext,
): Omit<CompiledTemplate, "render"> & { readonly fills: readonly Fill[] } {
  const parts = parseTemplate(pieces);
  const fills = parts.map((part) => compilePart(part, context));
  const heads = fills.flatMap((fill) => (fill.kind === "value" ? [fill.head.kind] : []));
  return {
    fills,
    text: asWritten(pieces),
    constant: heads.length === 0,
    usesParent: heads.includes("parent"),
    stable: pieces.map((piece) => (typeof piece === "string" ? piece : withoutSecret(piece))).join(""),
  };
}

/** Fails where there is nothing to fill in. */
export function present(value: Value, { head }: { readonly head: Head }, { label }: TemplateContext) {
  if (!isMissing(value)) return value;
  const name = head.kind === "parent" ? `parent.${head.path.join(".")}` : head.kind;
  throw new PollError(`${label} has no value for ${name}; give it one with | default('…')`, { kind: "config" });
}

function filled(fill: Extract<Fill, { kind: "value" }>, values: TemplateValues, context: TemplateContext): string {
  return textOf(present(fill.value(values), fill, context), context.label);
}

function compilePart(part: Part, context: TemplateContext): Fill {
  if (typeof part === "string") return { kind: "literal", text: part };
  if ("variable" in part) return { kind: "literal", text: part.value };
  const filters = part.filters.map(compileFilter);
  requireKnown(part, filters, context);
  const read = reader(part.head, context);
  const unit = part.head.kind === "cursor" ? numericUnit(context) : undefined;
  return {
    kind: "value",
    head: part.head,
    filters: filters.map(({ name }) => name),
    value(values) {
      return filters.reduce<Value>(
        (value, filter) => filter.apply(value, { label: context.label, unit }),
        read(values),
      );
    },
  };
}

function requireKnown({ head }: Placeholder, filters: readonly Filter[], { cursor, parent }: TemplateContext): void {
  if (head.kind === "parent" && !parent) throw new TemplateError("parent.… is filled in, but the source has no parent");
  if (head.kind !== "cursor") return;
  if (cursor === undefined) throw new TemplateError("cursor is filled in, but the source has no cursor");
  const timely = filters.find(({ name }) => name === "format" || name === "offset");
  if (timely !== undefined && cursor.type !== "time") {
    throw new TemplateError(`${timely.name} is for times, but the cursor is a ${cursor.type}`);
  }
}

function reader(head: Head, context: TemplateContext): (values: TemplateValues) => Value {
  switch (head.kind) {
    case "now":
      return ({ now }) => ({ kind: "time", ms: now, write: rfc3339 });
    case "last_poll":
      return ({ lastPoll }) => (lastPoll === undefined ? missing : { kind: "time", ms: lastPoll, write: rfc3339 });
    case "parent":
      return ({ parent }) => ({ kind: "data", data: valueAt(parent, head.path) });
    case "text":
      return () => ({ kind: "text", text: head.text, safe: false });
    case "cursor":
      return ({ cursor }) => cursorValue(cursor, context);
  }
}

/** The cursor may come as a time in any form: it goes out in the source's. */
function cursorValue(cursor: string | undefined, context: TemplateContext): Value {
  if (cursor === undefined) return missing;
  const ms = context.cursor?.type === "time" ? parseTime(cursor, numericUnit(context)) : undefined;
  if (ms === undefined) return { kind: "text", text: cursor, safe: false };
  const format = context.cursor?.format ?? "rfc3339";
  // A time that is in the wanted form already keeps every digit of its fraction.
  const asIs = /^\d+$/.test(cursor) === (format !== "rfc3339") && !cursor.includes(" ");
  const write = timeFormatter(format);
  return { kind: "time", ms, write: (moved) => (asIs && moved === ms ? cursor : write(moved)) };
}

function numericUnit({ cursor }: TemplateContext): "unix" | "unix_ms" | undefined {
  return cursor === undefined || cursor.format === "rfc3339" ? undefined : cursor.format;
}
