import type { Gap } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { msOf } from "./format.js";

/** The most entries that are kept; older ones make room. */
export const mostEntries = 500;

/** After this time away the tail goes on with what is new instead of catching up; in milliseconds. */
export const catchUpMs = 60_000;

export type TailEntry =
  | { readonly kind: "record"; readonly key: string; readonly record: DataRecord; readonly text: string }
  /** Records that can never be had again. */
  | { readonly kind: "gap"; readonly key: string; readonly gap: Gap }
  /** Time in which the console did not look. */
  | { readonly kind: "away"; readonly key: string; readonly fromMs: number; readonly toMs: number };

export interface Tail {
  /** The newest first. */
  readonly entries: readonly TailEntry[];
  /** Records that came, those that made room included. */
  readonly received: number;
}

export const emptyTail: Tail = { entries: [], received: 0 };

export function addBatch(tail: Tail, records: readonly DataRecord[], gaps: readonly Gap[]): Tail {
  if (records.length === 0 && gaps.length === 0) return tail;
  const fresh: TailEntry[] = [
    ...gaps.map((gap): TailEntry => ({
      kind: "gap",
      key: `gap/${gap.source}/${gap.partition}/${gap.fromOffset}`,
      gap,
    })),
    // Only those that will be kept are worth an entry.
    ...byTime(records).slice(-mostEntries).map(entryOf),
  ];
  return keep({ entries: [...fresh.reverse(), ...tail.entries], received: tail.received + records.length });
}

/** Batches come topic by topic; within a partition the order stays. */
function byTime(records: readonly DataRecord[]): readonly DataRecord[] {
  const time = ({ ingestedAt }: DataRecord): number => msOf(ingestedAt) ?? 0;
  return [...records].sort((a, b) => time(a) - time(b));
}

/** Marks that records which came in between are not shown. */
export function markAway(tail: Tail, fromMs: number, toMs: number): Tail {
  return keep({ ...tail, entries: [{ kind: "away", key: `away/${fromMs}`, fromMs, toMs }, ...tail.entries] });
}

function keep(tail: Tail): Tail {
  return tail.entries.length <= mostEntries ? tail : { ...tail, entries: tail.entries.slice(0, mostEntries) };
}

export function entryOf(record: DataRecord): TailEntry {
  return {
    kind: "record",
    key: `${record.source}/${record.partition}/${record.offset}`,
    record,
    text: textOf(record),
  };
}

/** The record's content as text, as it is; of binary content its size. */
export function textOf({ payload }: DataRecord): string {
  if (payload.case === "json") return payload.value;
  if (payload.case === "binary") return asText(payload.value) ?? `${payload.value.length} bytes that are no text`;
  return "";
}

/** Bytes as text; undefined when they are none (no UTF-8, or full of control characters). */
export function asText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // oxlint-disable-next-line no-control-regex -- these are what tells binary data from text
    return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The entries that hold a text, in their id or content; marks stay where they are. */
export function matching(entries: readonly TailEntry[], words: string): readonly TailEntry[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === "") return entries;
  return entries.filter(
    (entry) =>
      entry.kind !== "record" ||
      entry.text.toLowerCase().includes(wanted) ||
      entry.record.id.toLowerCase().includes(wanted),
  );
}

/** Where a tail begins: at the end, at the beginning, or so many minutes ago. */
export const begins = ["latest", "1", "15", "60", "earliest"] as const;
export type Begin = (typeof begins)[number];

/** The same as FetchUnread's `since` takes it. */
export function sinceOf(begin: Begin, nowMs: number): string {
  if (begin === "latest" || begin === "earliest") return begin;
  return new Date(nowMs - Number(begin) * 60_000).toISOString();
}

/** Whether a tail that was interrupted goes on where it was; after a long while it goes on with what is new. */
export function canCatchUp(awayMs: number): boolean {
  return awayMs <= catchUpMs;
}
