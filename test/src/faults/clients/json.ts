import type { ToldGap } from "../history.js";
import type { Received } from "./recorder.js";

export interface JsonRecord {
  readonly source: string;
  readonly offset: number;
  readonly data: { readonly n: number };
}

export interface JsonGap {
  readonly source: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly reason: string;
}

export interface JsonAnswer {
  readonly records: readonly JsonRecord[];
  readonly cursor: string;
  readonly gaps: readonly JsonGap[];
}

export function received({ source, offset, data }: JsonRecord): Received {
  return { source, offset, n: data.n };
}

export function toldGap({ source, fromOffset, toOffset, reason }: JsonGap): ToldGap {
  return { source, from: fromOffset, to: toOffset, reason };
}
