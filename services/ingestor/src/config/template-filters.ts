import { PollError } from "../poll-error.js";
import { didYouMean } from "./nearest.js";
import { type FilterCall, TemplateError } from "./template-parse.js";
import { parseTime, timeFormats, timeFormatter } from "./template-time.js";
import { parseSignedDuration } from "./units.js";

/** What goes through the filters of one `{{ … }}`. */
export type Value =
  | { readonly kind: "missing" }
  /** `write` is how it is written where no filter says otherwise. */
  | { readonly kind: "time"; readonly ms: number; readonly write: (ms: number) => string }
  /** A value of a record. */
  | { readonly kind: "data"; readonly data: unknown }
  /** `safe`: not to be percent-encoded any more. */
  | { readonly kind: "text"; readonly text: string; readonly safe: boolean };

export interface Filter {
  readonly name: string;
  apply(value: Value, context: FilterContext): Value;
}

export interface FilterContext {
  /** Names the template in errors. */
  readonly label: string;
  /** What a number counts where a time is meant. */
  readonly unit: "unix" | "unix_ms" | undefined;
}

export const missing: Value = { kind: "missing" };

export const rfc3339 = timeFormatter("rfc3339");

type Apply = (value: Exclude<Value, { kind: "missing" }>, context: FilterContext) => Value;

/** Each makes a filter out of its argument; what is missing goes past all but `default`. */
const makers: Readonly<Record<string, (argument: string | undefined) => Apply>> = {
  default: () => (value) => value,
  format(argument) {
    const known = `format takes ${timeFormats.join(", ")}, or a pattern such as yyyy-MM-dd'T'HH:mm:ss`;
    if (argument === undefined) throw new Error(known);
    let write: (ms: number) => string;
    try {
      write = timeFormatter(argument);
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${known}`, { cause: error });
    }
    return (value, context) => ({ kind: "time", ms: timeOf(value, context), write });
  },
  offset(argument) {
    const by = parseSignedDuration(argument ?? "");
    if (by === undefined) throw new Error("offset takes a duration such as '-1h' or '30s'");
    return (value, context) => ({
      kind: "time",
      ms: timeOf(value, context) + by,
      write: value.kind === "time" ? value.write : rfc3339,
    });
  },
  url: without((text) => ({ kind: "text", text: encodeText(text), safe: true })),
  raw: without((text) => ({ kind: "text", text, safe: true })),
  lower: without((text) => ({ kind: "text", text: text.toLowerCase(), safe: false })),
  upper: without((text) => ({ kind: "text", text: text.toUpperCase(), safe: false })),
  json(argument) {
    refuse(argument);
    return (value, { label }) => ({
      kind: "text",
      text: JSON.stringify(value.kind === "data" ? value.data : textOf(value, label)),
      safe: false,
    });
  },
};

export const filterNames = Object.keys(makers);

/** Throws TemplateError where there is no such filter, or its argument is wrong. */
export function compileFilter({ name, argument, at }: FilterCall): Filter {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make === undefined) {
    throw new TemplateError(
      `there is no filter "${name}"${didYouMean(name, filterNames)}; there are ${filterNames.join(", ")} (character ${at})`,
    );
  }
  if (name === "default") {
    if (argument === undefined) throw new TemplateError(`default takes a text, such as default('0') (character ${at})`);
    return { name, apply: (value) => (isMissing(value) ? { kind: "text", text: argument, safe: false } : value) };
  }
  try {
    const apply = make(argument);
    return { name, apply: (value, context) => (isMissing(value) ? missing : apply(value, context)) };
  } catch (error) {
    throw new TemplateError(`${(error as Error).message} (character ${at})`, { cause: error });
  }
}

export function isMissing(value: Value): value is { readonly kind: "missing" } {
  return value.kind === "missing" || (value.kind === "data" && (value.data === null || value.data === undefined));
}

/** How it is written. Fails where it is a map or a list, which only `json` can write. */
export function textOf(value: Exclude<Value, { kind: "missing" }>, label: string): string {
  switch (value.kind) {
    case "text":
      return value.text;
    case "time":
      try {
        return value.write(value.ms);
      } catch (error) {
        throw new PollError(`${label} leads to a time that cannot be written`, { kind: "config", cause: error });
      }
    case "data":
      if (typeof value.data === "string") return value.data;
      if (typeof value.data === "number" || typeof value.data === "boolean") return String(value.data);
      throw new PollError(`${label} fills in a map or a list; write it with | json, or name something inside it`, {
        kind: "config",
      });
  }
}

/** Percent-encodes everything that has a meaning in an address. */
export function encodeText(text: string): string {
  // A half of a surrogate pair has no encoding; it becomes the replacement character, as in every UTF-8 encoder.
  return encodeURIComponent(
    text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD"),
  );
}

function timeOf(value: Exclude<Value, { kind: "missing" }>, { label, unit }: FilterContext): number {
  if (value.kind === "time") return value.ms;
  const ms = parseTime(textOf(value, label), unit);
  if (ms === undefined) {
    throw new PollError(
      `${label} formats or moves a value that is no time; RFC 3339, a date or seconds since 1970 are`,
      {
        kind: "config",
      },
    );
  }
  return ms;
}

function without(change: (text: string) => Value) {
  return (argument: string | undefined): Apply => {
    refuse(argument);
    return (value, { label }) => change(textOf(value, label));
  };
}

function refuse(argument: string | undefined): void {
  if (argument !== undefined) throw new Error("the filter takes nothing in brackets");
}
