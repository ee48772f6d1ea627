import type { MapEntry, MapNode } from "./node.js";

/** Maps whose keys are merged one by one; every other key of a source takes the whole place of the default. */
const merged = new Set(["headers", "query", "tls", "csv", "retry", "dedup", "topic", "rate_limit"]);

/** Keys that a source's own key makes meaningless. */
const displaced: Readonly<Record<string, readonly string[]>> = {
  cron: ["interval", "jitter", "adaptive"],
  interval: ["cron", "time_zone"],
};

/** A source with the defaults under it. */
export function withDefaults(source: MapNode, defaults: MapNode | undefined): MapNode {
  if (defaults === undefined) return source;
  const gone = new Set([...source.entries.keys()].flatMap((key) => displaced[key] ?? []));
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of defaults.entries) if (!gone.has(key)) entries.set(key, entry);
  for (const [key, own] of source.entries) {
    const under = entries.get(key);
    entries.set(key, under !== undefined && merged.has(key) ? mergeMaps(own, under, key === "headers") : own);
  }
  return { ...source, entries };
}

function mergeMaps(own: MapEntry, under: MapEntry, anyCase: boolean): MapEntry {
  if (own.node.kind !== "map" || under.node.kind !== "map") return own;
  const fold = (key: string): string => (anyCase ? key.toLowerCase() : key);
  const names = new Set([...own.node.entries.keys()].map(fold));
  const kept = [...under.node.entries].filter(([key]) => !names.has(fold(key)));
  return { ...own, node: { ...own.node, entries: new Map([...kept, ...own.node.entries]) } };
}
