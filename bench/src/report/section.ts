import type { Plot } from "../plot/plot.js";
import type { Goal } from "./goal.js";

/** One measurement in the table of everything. */
export interface SummaryLine {
  readonly what: string;
  readonly figure: string;
  /** To which peer, too. */
  readonly ratio?: string;
  /** Peak memory, MB. */
  readonly memory?: string;
  readonly goals?: readonly Goal[];
}

/** What one benchmark's figures become. */
export interface Section {
  readonly title: string;
  readonly summary: readonly SummaryLine[];
  readonly goals: readonly Goal[];
  /** Tables for docs/performance.md, by the name in their markers. */
  readonly tables: Readonly<Record<string, string>>;
  /** By file name, without its ending. */
  readonly plots: Readonly<Record<string, Plot>>;
  /** Peers that could not be had, with the reason. */
  readonly notMeasured: readonly string[];
}

/** A number for a table; a dash where there is none. */
export function figure(value: number | null | undefined, digits: number): string {
  return value === undefined || value === null || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

/** A whole number with its thousands apart. */
export function whole(value: number): string {
  return Number.isNaN(value) ? "–" : Math.round(value).toLocaleString("en");
}
