/** What a measurement was to be, as an issue or docs/performance.md asks for it, and what it was. */
export interface Goal {
  readonly what: string;
  /** With its unit: "under 50 ms". */
  readonly wanted: string;
  readonly got: string;
  readonly met: boolean;
}

export interface Measure {
  readonly digits?: number;
  /** Behind the number, with its space. */
  readonly unit?: string;
}

/** A figure that has to be so large at least. One that is not a number is not met. */
export function atLeast(what: string, got: number, least: number, measure: Measure = {}): Goal {
  return { what, wanted: `at least ${text(least, measure)}`, got: text(got, measure), met: got >= least };
}

/** A figure that has to stay below. */
export function under(what: string, got: number, limit: number, measure: Measure = {}): Goal {
  return { what, wanted: `under ${text(limit, measure)}`, got: text(got, measure), met: got < limit };
}

/** Something that is so or not. */
export function holds(what: string, wanted: string, got: string, met: boolean): Goal {
  return { what, wanted, got, met };
}

/** A sentence for each goal that was missed. */
export function missed(goals: readonly Goal[]): string[] {
  return goals.filter(({ met }) => !met).map(({ what, wanted, got }) => `${what}: ${got}; ${wanted} is the goal`);
}

function text(value: number, { digits = 2, unit = "" }: Measure): string {
  return Number.isNaN(value) ? "–" : `${value.toFixed(digits)}${unit}`;
}
