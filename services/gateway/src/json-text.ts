/** The name of an enum's value: STARTED, IDLE, EXPIRED. A value that this version does not know is its number. */
export function nameOfEnum(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}
