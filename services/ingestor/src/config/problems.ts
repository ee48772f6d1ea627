/** Where something of the configuration stands, so that a person finds it. */
export interface Place {
  /** `apispool.yaml:12:5`, or nothing for what came from a variable alone. */
  readonly position: string;
  /** `sources.quakes.interval`, or the variable's name. */
  readonly key: string;
  /** For sorting; the line and column of `position`. */
  readonly line: number;
  readonly column: number;
}

/** Collects everything that is wrong with a configuration, so that a person corrects it in one go. */
export class Problems {
  readonly #found = new Map<string, Place>();
  readonly #settled = new Set<string>();

  /** Says the same of the same place only once: a default is shared by many sources. */
  add(place: Place, what: string): void {
    const where = describePlace(place);
    if (!this.#settled.has(where)) this.#found.set(`${where}: ${what}`, place);
  }

  /** There is no value to speak of here: whatever else is found wrong with it would be noise. */
  addLast(place: Place, what: string): void {
    this.add(place, what);
    this.#settled.add(describePlace(place));
  }

  get any(): boolean {
    return this.#found.size > 0;
  }

  /** In the order of the file. */
  list(): readonly string[] {
    return [...this.#found].sort(([, a], [, b]) => a.line - b.line || a.column - b.column).map(([text]) => text);
  }
}

/** `apispool.yaml:12:5 sources.quakes.interval`. */
export function describePlace({ position, key }: Place): string {
  return [position, key].filter((part) => part !== "").join(" ");
}

/** The key of something inside: `sources.quakes`, `brokers[0]`. */
export function keyInside(outer: string, inner: string | number): string {
  if (typeof inner === "number") return `${outer}[${inner}]`;
  return outer === "" ? inner : `${outer}.${inner}`;
}
