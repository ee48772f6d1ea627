import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import type { Validators } from "./http-poll.js";

/** The ingestor process that writes a source. */
export interface Owner {
  /** New with every start of a process. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

/** What has to survive about a source; written in one transaction with the records that it speaks of. */
export interface SourceState {
  /** Who writes the source. Another one who finds itself replaced here gives the source up. */
  readonly owner: Owner;
  /** Of the newest page that is in the log whole. */
  readonly page?: PageState;
  /** The newest running number of each partition of the records topic. */
  readonly sequences: Readonly<Record<string, number>>;
}

export interface PageState {
  readonly validators: Validators;
  /** The answer's hash: the same answer again has nothing new. */
  readonly hash: string;
  /** How many records the answer had. */
  readonly records: number;
  /** What the page was asked for with. The validators and the hash mean nothing for another question. */
  readonly fingerprint: string;
}

const VERSION = 1;

/** A state as the value of a record of the state topic. */
export function encodeState(state: SourceState): string {
  return JSON.stringify({ version: VERSION, ...state });
}

/** Undefined for what is not a state: then everything is found out from the records themselves. */
export function decodeState(value: Buffer | null): SourceState | undefined {
  if (value === null) return undefined;
  try {
    const state = JSON.parse(value.toString("utf8")) as Partial<SourceState & { version: number }>;
    if (state.version !== VERSION || typeof state.owner?.id !== "string") return undefined;
    return { ...state, owner: state.owner, sequences: state.sequences ?? {} };
  } catch {
    return undefined;
  }
}

/** How many records are in the log: they are numbered from 1 in each partition. */
export function recordsTotal(sequences: Readonly<Record<string, number>>): number {
  return Object.values(sequences).reduce((sum, n) => sum + n, 0);
}

/**
 * Reads the newest states of all sources, and the offset behind them. Waits for open transactions, since what they hold
 * may be the newest state.
 */
export async function readStates(
  log: LogReader,
  topic: string,
  openTransactionMs?: number,
): Promise<{ states: ReadonlyMap<string, SourceState>; nextOffset: number }> {
  const [start] = await log.offsetsAt("earliest", [{ topic, partition: 0 }]);
  const states = new Map<string, SourceState>();
  const nextOffset = await readToEnd(
    log,
    { topic, partition: 0, offset: start?.offset ?? 0 },
    ({ key, value }) => {
      const state = decodeState(value);
      if (key !== null && state !== undefined) states.set(key.toString("utf8"), state);
    },
    openTransactionMs === undefined ? {} : { openTransactionMs },
  );
  return { states, nextOffset };
}
