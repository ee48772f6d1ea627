import { REMOVE_BYTES, type StoreRemoval, type StoreRow } from "./store.js";

/** The first of some rows that are removed at a time: one at least. */
export function removedAtOnce<T extends { readonly bytes: number }>(rows: readonly T[]): readonly T[] {
  let bytes = 0;
  const end = rows.findIndex((row) => (bytes += row.bytes) > REMOVE_BYTES);
  return end === -1 ? rows : rows.slice(0, Math.max(1, end));
}

/** What is to be said of rows of a source that are removed: one thing for each partition. */
export function removalsOf(
  source: string,
  rows: readonly Pick<StoreRow, "partition" | "offset" | "ingestedMs">[],
): StoreRemoval[] {
  const removals = new Map<number, StoreRemoval>();
  for (const { partition, offset, ingestedMs } of rows) {
    const other = removals.get(partition);
    removals.set(partition, {
      source,
      partition,
      beforeOffset: Math.max(other?.beforeOffset ?? 0, offset + 1),
      beforeMs: Math.max(other?.beforeMs ?? -Infinity, ingestedMs + 1),
    });
  }
  return [...removals.values()];
}
