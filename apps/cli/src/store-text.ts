import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type {
  Freshness,
  RebuildProgress,
  StoppedEarly,
  StoredSource,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { printable } from "./printable.js";
import { fromNow } from "./times.js";

/** What a person has to know of how far the store is behind; empty where it holds everything. */
export function staleness(freshness: Freshness | undefined, now: number): string {
  if (freshness === undefined || (freshness.behind === 0n && freshness.problem === "")) return "";
  const { behind, completeUntil, problem } = freshness;
  const since = completeUntil === undefined ? "" : `, whole up to ${fromNow(completeUntil, now)}`;
  const why = problem === "" ? "" : ` (${printable(problem)})`;
  return `the store is ${behind} offsets behind Kafka${since}${why}`;
}

/** What is missing of an answer because it was too old; empty where nothing is. */
export function removedNote(freshness: Freshness | undefined, now: number): string {
  const before = freshness?.removedBefore;
  if (before === undefined) return "";
  return `what was written before ${new Date(timestampMs(before)).toISOString()} (${fromNow(before, now)}) was removed from the store`;
}

/** How long a source's records are kept, and since when they are there where some were too old. */
export function keptText({ ttl, removed }: StoredSource): string {
  const kept = ttl === undefined ? "for ever" : durationText(durationMs(ttl));
  const last = removed.map(({ before }) => (before === undefined ? 0 : timestampMs(before))).sort((a, b) => b - a)[0];
  return last === undefined ? kept : `${kept}, from ${new Date(last).toISOString()} on`;
}

function durationText(ms: number): string {
  const [unit, length] = Object.entries({ d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 }).find(
    ([, each]) => ms % each === 0,
  ) ?? ["ms", 1];
  return `${ms / length}${unit}`;
}

/** Why an answer is not whole. */
export function stoppedText({ detail, scanned }: StoppedEarly): string {
  return detail === "" ? `stopped after ${scanned} records that were looked at` : printable(detail);
}

/** How far a rebuild is: `45 %  123 of 271 offsets, 3 s`. */
export function progressText({ done, total, elapsed }: RebuildProgress): string {
  return `${percent(done, total)} %  ${done} of ${total} offsets, ${elapsed?.seconds ?? 0n} s`;
}

/** The same as a bar for a terminal. */
export function progressBar(progress: RebuildProgress, columns = 80): string {
  const text = progressText(progress);
  const width = Math.max(0, Math.min(40, columns - text.length - 4));
  const full = Math.round((width * percent(progress.done, progress.total)) / 100);
  return width < 5 ? text : `[${"#".repeat(full)}${".".repeat(width - full)}] ${text}`;
}

function percent(done: bigint, total: bigint): number {
  return total === 0n ? 100 : Math.min(100, Math.floor((Number(done) / Number(total)) * 100));
}

/** A stretch of time by its beginning, as short as its length allows. */
export function bucketText(from: Parameters<typeof timestampMs>[0], bucket: string): string {
  const iso = new Date(timestampMs(from)).toISOString();
  const length = { month: 7, day: 10, hour: 13, minute: 16 }[bucket] ?? 24;
  return iso.slice(0, length).replace("T", " ") + (bucket === "hour" ? ":00" : "");
}
