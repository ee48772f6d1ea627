import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Freshness, RebuildProgress, StoppedEarly } from "@apispool/contracts/apispool/v1/record_store_pb.js";
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
