import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  CountBucket,
  CountTime,
  type QueryRequestSchema,
  type RecordCount,
  type RecordFilterSchema,
  RecordOrder,
  Versions,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { msOf } from "./format.js";

/** What the form of the history holds. */
export interface HistoryForm {
  /** "" for all. */
  readonly source: string;
  readonly id: string;
  readonly where: string;
  /** As `<input type="datetime-local">` has it, in the person's own time zone; "" for none. */
  readonly from: string;
  readonly to: string;
  /** Which time is meant: when it was written, or when it happened. */
  readonly by: "ingested" | "event";
  readonly order: "desc" | "asc";
  readonly newest: boolean;
  readonly bucket: "hour" | "day";
}

export const emptyForm: HistoryForm = {
  source: "",
  id: "",
  where: "",
  from: "",
  to: "",
  by: "ingested",
  order: "desc",
  newest: false,
  bucket: "day",
};

/** How many records a page has. */
export const pageSize = 50;

export type Filter = MessageInitShape<typeof RecordFilterSchema>;

/** The filter that the form asks for, or what is wrong with it. */
export function filterOf(form: HistoryForm): { readonly filter: Filter } | { readonly problem: string } {
  const from = form.from === "" ? undefined : Date.parse(form.from);
  const to = form.to === "" ? undefined : Date.parse(form.to);
  if (Number.isNaN(from) || Number.isNaN(to)) return { problem: "Choose a day and a time, or leave the field empty." };
  if (from !== undefined && to !== undefined && from >= to)
    return { problem: "The end has to be after the beginning." };
  const range = {
    ...(from === undefined ? {} : { from: timestampFromMs(from) }),
    ...(to === undefined ? {} : { to: timestampFromMs(to) }),
  };
  const isRange = from !== undefined || to !== undefined;
  return {
    filter: {
      sources: form.source === "" ? [] : [form.source],
      ids: form.id.trim() === "" ? [] : [form.id.trim()],
      where: form.where.trim(),
      versions: form.newest ? Versions.NEWEST : Versions.ALL,
      ...(isRange ? { [form.by === "event" ? "eventTime" : "ingestedAt"]: range } : {}),
    },
  };
}

export function queryOf(
  form: HistoryForm,
  filter: Filter,
  cursor: string,
): MessageInitShape<typeof QueryRequestSchema> {
  const orders = {
    ingested: { desc: RecordOrder.INGESTED_DESC, asc: RecordOrder.INGESTED_ASC },
    event: { desc: RecordOrder.EVENT_DESC, asc: RecordOrder.EVENT_ASC },
  };
  return { filter, order: orders[form.by][form.order], limit: BigInt(pageSize), cursor };
}

export function countOf(form: HistoryForm, filter: Filter) {
  return {
    filter,
    bucket: form.bucket === "hour" ? CountBucket.HOUR : CountBucket.DAY,
    time: form.by === "event" ? CountTime.EVENT : CountTime.INGESTED,
  };
}

/** One bar of the plot. */
export interface Stretch {
  readonly fromMs: number;
  readonly count: number;
}

/** The most bars. */
export const mostBars = 60;
const lengths = { hour: 3_600_000, day: 86_400_000 };

/** The last stretches of time up to the last that has any record, those with none among them; no more than there is room for. */
export function stretches(counts: readonly RecordCount[], bucket: HistoryForm["bucket"]): readonly Stretch[] {
  const length = lengths[bucket];
  const byTime = new Map<number, number>();
  for (const { from, count } of counts) if (from !== undefined) byTime.set(msOf(from), Number(count));
  if (byTime.size === 0) return [];
  const last = Math.max(...byTime.keys());
  const first = Math.max(Math.min(...byTime.keys()), last - (mostBars - 1) * length);
  const bars: Stretch[] = [];
  for (let at = first; at <= last; at += length) bars.push({ fromMs: at, count: byTime.get(at) ?? 0 });
  return bars;
}

/** A stretch by its beginning, in UTC, as they begin: "2026-11-25", "2026-11-25 13:00". */
export function stretchName(fromMs: number, bucket: HistoryForm["bucket"]): string {
  const iso = new Date(fromMs).toISOString();
  return bucket === "day" ? iso.slice(0, 10) : `${iso.slice(0, 13).replace("T", " ")}:00`;
}

/** The same question for `GET /records`. */
export function urlQuery(form: HistoryForm): readonly (readonly [string, string])[] {
  const time = (text: string): string => (Number.isNaN(Date.parse(text)) ? "" : new Date(text).toISOString());
  return [
    ["source", form.source],
    ["id", form.id.trim()],
    [`${form.by}_from`, time(form.from)],
    [`${form.by}_to`, time(form.to)],
    ["where", form.where.trim()],
    ["versions", form.newest ? "newest" : ""],
    ["order", form.by === "ingested" && form.order === "desc" ? "" : `${form.order === "desc" ? "-" : ""}${form.by}`],
  ];
}
