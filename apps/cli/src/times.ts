import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** How long ago something was, or how soon it will be: "3 s ago", "in 2 min", "now"; "–" where there is no time. */
export function fromNow(at: Timestamp | undefined, now: number): string {
  if (at === undefined) return "–";
  const ms = timestampMs(at) - now;
  const text = span(Math.abs(ms));
  if (text === "") return "now";
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

const units: readonly [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

/** A length of time in its largest whole unit; empty below half a second. */
function span(ms: number): string {
  // 59.6 s are a minute, not 60 s.
  const rounded = Math.round(ms / 1000) * 1000;
  for (const [size, unit] of units) {
    if (rounded >= size) return `${Math.floor(rounded / size)} ${unit}`;
  }
  return "";
}

export function isoTime(at: Timestamp | undefined): string | null {
  return at === undefined ? null : new Date(timestampMs(at)).toISOString();
}
