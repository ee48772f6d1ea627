/** What a benchmark gives: its figures, for the results file, and what is wrong with them. */
export interface Outcome<Figures extends object = object> {
  readonly figures: Figures;
  /** Goals that were missed, and whatever else is not as it has to be. */
  readonly problems: readonly string[];
}

/** A benchmark as the command line calls it. */
export type Bench = (self: NodeJS.Process, args: readonly string[]) => Promise<Outcome>;
