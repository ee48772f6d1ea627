import type { Random } from "../support/random.js";

/** What a fault has done, until it is healed. */
export interface Harm {
  /** In words, for the history: "kill -9 of ingestor-2". */
  readonly what: string;
  /** Undoes it; resolves once it is undone (not once all has recovered). */
  heal(): Promise<void>;
}

/** One kind of harm that the nemesis can do. */
export interface Fault {
  readonly kind: string;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  /** How long it lasts, in milliseconds: drawn between these. */
  readonly lastsMs: readonly [least: number, most: number];
  inject(random: Random): Promise<Harm>;
}
