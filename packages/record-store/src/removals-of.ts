import type { StoreRemoval, StoreRow } from "./store.js";

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
