import type { Keyset, TimeRange } from "../store.js";

/** A place between the records of one source, in the order of an index: time, partition, offset. */
export type Edge = readonly [timeMs: number, partition: number, offset: number];

/** Beyond every time, partition and offset that there can be. */
const MOST = 9e15;

/** Both ends are outside of it. */
export interface KeyRange {
  readonly low: Edge;
  readonly high: Edge;
}

/** The records of a source that are in a range of time, behind a place in the order and up to another one (which is in it). */
export function keyRange(
  source: string,
  { from, to }: TimeRange,
  descending: boolean,
  after: Keyset | undefined,
  upTo: Keyset | undefined,
): KeyRange {
  let low: Edge = from === undefined ? [-MOST, -1, -1] : [from, -1, -1];
  let high: Edge = to === undefined ? [MOST, MOST, MOST] : [to, -1, -1];
  const raise = (edge: Edge): void => void (low = compareEdges(edge, low) > 0 ? edge : low);
  const lower = (edge: Edge): void => void (high = compareEdges(edge, high) < 0 ? edge : high);
  if (after !== undefined) {
    if (descending) lower(edgeOf(after, source, 0));
    else raise(edgeOf(after, source, 0));
  }
  if (upTo !== undefined) {
    if (descending) raise(edgeOf(upTo, source, -1));
    else lower(edgeOf(upTo, source, 1));
  }
  return { low, high };
}

/** A place among all records as a place among those of one source; `beside` 1 or -1 is just behind or before the record itself. */
function edgeOf({ timeMs, source: of, partition, offset }: Keyset, source: string, beside: number): Edge {
  if (source === of) return [timeMs, partition, offset + beside];
  // Of the same time, sources of lower names come before, those of higher ones after.
  return source < of ? [timeMs, MOST, MOST] : [timeMs, -1, -1];
}

function compareEdges(a: Edge, b: Edge): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** The order of all records, ascending. */
export function compareKeys(a: Keyset, b: Keyset): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
}
