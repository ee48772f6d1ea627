import type { SourceConfig } from "./source-config.js";

export interface SourceDiff {
  readonly added: readonly SourceConfig[];
  readonly removed: readonly SourceConfig[];
  /** The new configuration of those that were there with another. */
  readonly changed: readonly SourceConfig[];
  /** As they were: what runs goes on. */
  readonly unchanged: readonly SourceConfig[];
}

/** What a reload has to do. A child changes with its parent's configuration only where its own does. */
export function diffSources(before: readonly SourceConfig[], after: readonly SourceConfig[]): SourceDiff {
  const old = new Map(before.map((source) => [source.name, source]));
  const kept = new Set(after.map(({ name }) => name));
  const same = ({ name, revision }: SourceConfig): boolean => old.get(name)?.revision === revision;
  return {
    added: after.filter(({ name }) => !old.has(name)),
    removed: before.filter(({ name }) => !kept.has(name)),
    changed: after.filter((source) => old.has(source.name) && !same(source)),
    unchanged: before.filter(({ name }) => after.some((source) => source.name === name && same(source))),
  };
}
