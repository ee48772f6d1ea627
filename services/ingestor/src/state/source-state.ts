import type { PollState } from "../poll/poll-state.js";

/** The ingestor process that writes a source. */
export interface Owner {
  /** New with every start of a process. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

/** What has to survive about a source; written in one transaction with the records that it speaks of. */
export interface SourceState {
  /** Who wrote it. */
  readonly owner: Owner;
  readonly poll?: PollState;
  /** The newest running number of each partition of the records topic. */
  readonly sequences: Readonly<Record<string, number>>;
  /** The timestamp of what was written with it, in milliseconds since the Unix epoch; it grows from page to page. */
  readonly timestamp?: number;
}

const VERSION = 2;

/** A state as the value of a record of the state topic. */
export function encodeState(state: SourceState): string {
  return JSON.stringify({ version: VERSION, ...state });
}

/** Undefined for what is not a state: then everything is found out from the records themselves. */
export function decodeState(value: Buffer | null): SourceState | undefined {
  if (value === null) return undefined;
  try {
    const state = JSON.parse(value.toString("utf8")) as Partial<SourceState & { version: number }>;
    if (typeof state.owner?.id !== "string") return undefined;
    const { owner, poll, sequences = {}, timestamp = 0 } = state;
    const counted = { owner, sequences, timestamp };
    // Version 1 knew less of the poll, but counted the same way.
    return state.version === VERSION && poll !== undefined ? { ...counted, poll } : counted;
  } catch {
    return undefined;
  }
}

/** How many records are in the log: they are numbered from 1 in each partition. */
export function recordsTotal(sequences: Readonly<Record<string, number>>): number {
  return Object.values(sequences).reduce((sum, n) => sum + n, 0);
}
