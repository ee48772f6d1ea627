/** The names on the way from a JSON value to one inside it; a number names an array's element. */
export type JsonPath = readonly string[];

/** Parses `data.items`; undefined where a name between two dots is empty. */
export function parsePath(text: string): JsonPath | undefined {
  const names = text.split(".");
  return names.every((name) => name !== "") ? names : undefined;
}

/** The value at a path; undefined where there is none. Only what the JSON itself has is found, never what JavaScript adds. */
export function valueAt(value: unknown, path: JsonPath): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name) || (Array.isArray(at) && name === "length")) {
      return undefined;
    }
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}
