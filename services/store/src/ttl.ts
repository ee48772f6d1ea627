import { type EnvReader, parseDuration } from "@apispool/common/env.js";

/** How long records of a source are kept, in milliseconds since they were written to Kafka; undefined: for ever. */
export type TtlOf = (source: string) => number | undefined;

/** How long the records of some sources are kept. */
export interface TtlRule {
  /** A source's name, or what it begins with where `isPrefix`. */
  readonly source: string;
  readonly isPrefix: boolean;
  /** In milliseconds; undefined: for ever. */
  readonly ttlMs: number | undefined;
}

/** A shorter one would be over before anybody has asked. */
const LEAST_MS = 60_000;
const MOST_MS = 36_500 * 86_400_000;
const LONGEST_LOOK_MS = 60_000;
const NAME = /^[A-Za-z0-9._-]{1,249}$/;
const FORM =
  "it must be a duration for all sources, or source=duration with commas between them, such as quakes=90d,logs.*=7d,*=30d";

/** Reads STORE_TTL: `30d`, or `quakes=90d,logs.*=7d,*=30d`; 0 is for ever, as is a source that nothing is said of. */
export function ttlFromEnv(env: EnvReader): readonly TtlRule[] {
  const text = env.string("STORE_TTL");
  if (text === undefined) return [];
  const wrong = (entry: string, what: string): [] => {
    env.problem("STORE_TTL", `"${entry}" ${what}`);
    return [];
  };
  const seen = new Set<string>();
  return text.split(",").flatMap((raw): TtlRule[] => {
    const entry = raw.trim();
    const equals = entry.lastIndexOf("=");
    const name = equals === -1 ? "*" : entry.slice(0, equals).trim();
    const isPrefix = name.endsWith("*");
    const source = isPrefix ? name.slice(0, -1) : name;
    if (source !== "" && !NAME.test(source)) return wrong(entry, `names no source; ${FORM}`);
    if (source === "" && !isPrefix) return wrong(entry, `names no source; ${FORM}`);
    const length = entry.slice(equals + 1).trim();
    const ttlMs = /^0+(ms|s|m|h|d)?$/.test(length) ? 0 : parseDuration(length);
    if (ttlMs === undefined) return wrong(entry, `has no duration; ${FORM}`);
    if (ttlMs !== 0 && (ttlMs < LEAST_MS || ttlMs > MOST_MS)) {
      return wrong(entry, "is not 0 (for ever) or from 1m to 36500d");
    }
    if (seen.has(name)) return wrong(entry, `says of "${name}" a second time how long it is kept`);
    seen.add(name);
    return [{ source, isPrefix, ttlMs: ttlMs === 0 ? undefined : Math.round(ttlMs) }];
  });
}

/** How often to look what is too old, in milliseconds, for nothing to stay much longer than it may; undefined: everything is kept for ever. */
export function lookMsFor(rules: readonly TtlRule[]): number | undefined {
  const lengths = rules.flatMap(({ ttlMs }) => ttlMs ?? []);
  return lengths.length === 0 ? undefined : Math.min(LONGEST_LOOK_MS, Math.max(1000, Math.min(...lengths) / 60));
}

/** The rule that says most about a source: its name, then the longest beginning. */
export function ttlOf(rules: readonly TtlRule[]): TtlOf {
  const byWeight = rules.toSorted(
    (a, b) => Number(a.isPrefix) - Number(b.isPrefix) || b.source.length - a.source.length,
  );
  return (name) =>
    byWeight.find(({ source, isPrefix }) => (isPrefix ? name.startsWith(source) : name === source))?.ttlMs;
}
