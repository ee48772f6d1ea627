import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";

/** The name of an enum's value: STARTED, IDLE, EXPIRED. A value that this version does not know is its number. */
export function nameOfEnum(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}

/** A value that came in, for the text of an error: short whatever it is, and safe to make however deep it is nested. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** RFC 3339, section 5.6. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** A time as the JSON API takes it; undefined for what is none. */
export function timeOf(text: string): Timestamp | undefined {
  const ms = rfc3339.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isNaN(ms) ? undefined : timestampFromMs(ms);
}
