import { parseDuration } from "@apispool/common/env.js";

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Parses a size such as `64MB`, `1GiB` or `1000` into bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Math.floor(Number(match[1]) * (sizeUnits[match[2] ?? "B"] ?? Number.NaN));
}

/** Parses a duration that may go back: `-1h`. In milliseconds. */
export function parseSignedDuration(text: string): number | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const ms = parseDuration(text.slice(sign.length));
  return ms === undefined || sign !== "-" ? ms : -ms;
}

/** `30s` for 30,000: the largest unit that leaves no fraction. */
export function formatDuration(ms: number): string {
  for (const [unit, size] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** `64MiB` for 67,108,864. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
