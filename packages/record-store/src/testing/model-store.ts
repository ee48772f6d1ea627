import { evaluate } from "../where/evaluate.js";
import type { CountKey, CountRow, StoreFilter, StoreOrder, StoreRow, TimeRange } from "../store.js";

/** What a store should answer, worked out from all rows in the plainest way. */
export class ModelStore {
  readonly rows: readonly StoreRow[];

  constructor(rows: readonly StoreRow[]) {
    this.rows = rows;
  }

  query(filter: StoreFilter, { by, descending }: StoreOrder): StoreRow[] {
    const found = this.#matching(filter).filter((row) => by === "ingested" || row.eventMs !== undefined);
    const sorted = found.sort(
      (a, b) =>
        timeOf(a, by) - timeOf(b, by) ||
        (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) ||
        a.partition - b.partition ||
        a.offset - b.offset,
    );
    return descending ? sorted.reverse() : sorted;
  }

  /** In the order of times, then sources. */
  count(filter: StoreFilter, { bySource, bucket, time }: CountKey): CountRow[] {
    const counts = new Map<string, { source: string; fromMs: number | undefined; count: number }>();
    for (const row of this.#matching(filter)) {
      const at = time === "event" ? row.eventMs : row.ingestedMs;
      if (bucket !== undefined && at === undefined) continue;
      const fromMs = bucket === undefined || at === undefined ? undefined : startOf(bucket, at);
      addTo(counts, { source: bySource ? row.source : "", fromMs, count: 1 });
    }
    return inOrder([...counts.values()]);
  }

  versions(source: string, id: string): StoreRow[] {
    return this.rows.filter((row) => row.source === source && row.id === id).sort((a, b) => (isLater(a, b) ? -1 : 1));
  }

  #matching(filter: StoreFilter): StoreRow[] {
    const { sources, ids, event, ingested, where, newestOnly } = filter;
    return this.rows.filter(
      (row) =>
        (sources.length === 0 || sources.includes(row.source)) &&
        (ids.length === 0 || ids.includes(row.id)) &&
        isIn(event, row.eventMs) &&
        isIn(ingested, row.ingestedMs) &&
        (where === undefined || evaluate(where, row.isJson ? row.value : null)) &&
        (!newestOnly || row.id === "" || this.versions(row.source, row.id)[0] === row),
    );
  }
}

/** Adds counts up, as the steps of a count give them. */
export function addTo(
  counts: Map<string, { source: string; fromMs: number | undefined; count: number }>,
  row: CountRow,
): void {
  const key = `${row.fromMs ?? ""}/${row.source}`;
  const sum = counts.get(key);
  if (sum === undefined) counts.set(key, { ...row });
  else sum.count += row.count;
}

export function inOrder(counts: readonly CountRow[]): CountRow[] {
  return counts.toSorted(
    (a, b) => (a.fromMs ?? 0) - (b.fromMs ?? 0) || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0),
  );
}

function timeOf(row: StoreRow, by: StoreOrder["by"]): number {
  return (by === "event" ? row.eventMs : row.ingestedMs) ?? Number.NaN;
}

function isLater(a: StoreRow, b: StoreRow): boolean {
  return (a.ingestedMs - b.ingestedMs || a.partition - b.partition || a.offset - b.offset) > 0;
}

function isIn({ from, to }: TimeRange, ms: number | undefined): boolean {
  if (from === undefined && to === undefined) return true;
  return ms !== undefined && ms >= (from ?? -Infinity) && ms < (to ?? Infinity);
}

function startOf(bucket: NonNullable<CountKey["bucket"]>, ms: number): number {
  const at = new Date(ms);
  if (bucket === "month") return Date.UTC(at.getUTCFullYear(), at.getUTCMonth());
  if (bucket === "day") at.setUTCHours(0, 0, 0, 0);
  else if (bucket === "hour") at.setUTCMinutes(0, 0, 0);
  else at.setUTCSeconds(0, 0);
  return at.getTime();
}
