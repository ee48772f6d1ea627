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
