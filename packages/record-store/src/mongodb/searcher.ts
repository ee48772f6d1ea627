import type { Filter } from "mongodb";
import type {
  CountKey,
  CountRow,
  Keyset,
  Slice,
  SliceResult,
  StoreFilter,
  StoreOrder,
  StorePosition,
  StoreRead,
  StoreRow,
} from "../store.js";
import { evaluate } from "../where/evaluate.js";
import type { Generation } from "./generations.js";
import { afterFilter, sortOf, timeFilter, upToFilter } from "./order-filter.js";
import { type RecordDocument, documentId, rowProjection, toRow } from "./record-document.js";
import { whereFilter } from "./where-filter.js";
import { bySource, olderOf } from "./writer.js";

type Query = Filter<RecordDocument>;
type Hit = Pick<
  RecordDocument,
  "_id" | "source" | "partition" | "offset" | "ingested" | "event" | "id" | "bytes" | "opaque"
>;

/** So many candidates that ids or the other time lead to are sorted rather than looked for along the order. */
const MOST_SORTED = 20_000;
/** About what a row takes besides its bytes. */
const ROW = 100;

const hitProjection = {
  source: 1,
  partition: 1,
  offset: 1,
  ingested: 1,
  event: 1,
  id: 1,
  bytes: 1,
  opaque: 1,
} as const;

export interface StepOptions {
  readonly maxTimeMS: number;
  readonly signal?: AbortSignal;
}

/** What is looked for, apart: the range of the order, and what is looked at in each record of it. */
interface Question {
  readonly order: StoreOrder;
  readonly range: Query;
  readonly rest: readonly Query[];
  /** Whether something narrows it beside the order's own index. */
  readonly narrow: boolean;
  /** Whether the bytes have the last word: of all, of those that BSON cannot hold, or never. */
  readonly verify: "all" | "opaque" | "none";
}

function questionOf(filter: StoreFilter, order: StoreOrder, after: Keyset | undefined, always = true): Question {
  const other = order.by === "ingested" ? "event" : "ingested";
  const sources: Query[] = filter.sources.length === 0 ? [] : [{ source: { $in: [...filter.sources] } }];
  const range = all([
    ...sources,
    ...timeFilter(order.by, filter[order.by], always),
    ...(after === undefined ? [] : [afterFilter(order, after)]),
  ]);
  const narrowing: Query[] = [
    ...timeFilter(other, filter[other], false),
    ...(filter.ids.length === 0 ? [] : [{ id: { $in: [...filter.ids] } }]),
  ];
  const { where } = filter;
  const wanted = where === undefined ? undefined : whereFilter(where);
  const rest: Query[] = [
    ...narrowing,
    ...(filter.newestOnly ? [{ newest: true }] : []),
    ...(wanted === undefined ? [] : [{ $or: [{ opaque: true as const }, wanted] }]),
  ];
  const verify = where === undefined ? "none" : wanted === undefined ? "all" : "opaque";
  return { order, range, rest, narrow: narrowing.length > 0, verify };
}

function all(queries: readonly Query[]): Query {
  return queries.length === 0 ? {} : { $and: [...queries] };
}

/**
 * One step of a query. Which records are looked at is decided by the order's index alone, so that a step costs about as much as it says;
 * keys come first, and rows only for those that are given.
 */
export async function query(
  { records }: Generation,
  filter: StoreFilter,
  order: StoreOrder,
  after: Keyset | undefined,
  slice: Slice,
  options: StepOptions,
): Promise<SliceResult> {
  const question = questionOf(filter, order, after);
  const { upTo, scanned, behind } = await boundary(records, question, slice.scan, options);
  const most = Math.min(slice.limit, slice.scan);
  const found = await records
    .find(all([question.range, ...question.rest, ...behind]), { ...options, projection: hitProjection })
    .sort(sortOf(order))
    .limit(most + 1)
    .toArray();
  const hits = cut(found, most, slice.maxBytes);
  const rows = await rowsOf(records, hits, filter, question, options);
  const last = hits.at(-1);
  if (hits.length === found.length || last === undefined) return { rows, scanned: scanned ?? hits.length, next: upTo };
  const next = keysetOf(last, order);
  if (scanned === undefined) return { rows, scanned: hits.length, next };
  // How far into what was to be looked at the last one lies.
  const looked = await records.countDocuments(all([question.range, upToFilter(order, next)]), {
    ...options,
    limit: slice.scan,
  });
  return { rows, scanned: Math.max(looked, hits.length), next };
}

/** Up to where a step looks; `scanned` is undefined where every record that is looked at is given. */
async function boundary(
  records: Generation["records"],
  { order, range, rest, narrow }: Question,
  scan: number,
  options: StepOptions,
): Promise<{
  readonly upTo: Keyset | undefined;
  readonly scanned: number | undefined;
  readonly behind: readonly Query[];
}> {
  if (rest.length === 0) return { upTo: undefined, scanned: undefined, behind: [] };
  if (narrow) {
    const most = Math.min(scan, MOST_SORTED);
    const [first] = rest;
    const candidates = await records.countDocuments(all([range, first ?? {}]), { ...options, limit: most + 1 });
    if (candidates <= most) return { upTo: undefined, scanned: candidates, behind: [] };
  }
  const [place] = await records
    .find(range, { ...options, projection: hitProjection })
    .sort(sortOf(order))
    .skip(Math.max(0, scan - 1))
    .limit(1)
    .toArray();
  if (place === undefined) {
    return { upTo: undefined, scanned: await records.countDocuments(range, { ...options, limit: scan }), behind: [] };
  }
  const upTo = keysetOf(place, order);
  return { upTo, scanned: scan, behind: [upToFilter(order, upTo)] };
}

function cut(found: readonly Hit[], limit: number, maxBytes: number): Hit[] {
  const hits: Hit[] = [];
  let bytes = 0;
  for (const hit of found) {
    if (hits.length >= limit || (hits.length > 0 && bytes >= maxBytes)) break;
    hits.push(hit);
    bytes += hit.bytes + ROW;
  }
  return hits;
}

/** The rows of what was found, in its order, without those that turn out not to be meant. */
async function rowsOf(
  records: Generation["records"],
  hits: readonly Hit[],
  filter: StoreFilter,
  { verify }: Question,
  options: StepOptions,
): Promise<StoreRow[]> {
  if (hits.length === 0) return [];
  const documents = await records
    .find({ _id: { $in: hits.map(({ _id }) => _id) } }, { ...options, projection: rowProjection })
    .toArray();
  const rows = new Map(documents.map((document) => [document._id, toRow(document as RecordDocument)]));
  const older = filter.newestOnly ? await notNewest(records, hits, options) : new Set<string>();
  return hits.flatMap(({ _id, opaque }) => {
    const row = rows.get(_id);
    // It may have been removed in between.
    if (row === undefined || older.has(_id)) return [];
    const look = verify === "all" || (verify === "opaque" && opaque === true);
    return look && !passes(filter, row) ? [] : [row];
  });
}

function passes({ where }: StoreFilter, { isJson, value }: StoreRow): boolean {
  return where === undefined || evaluate(where, isJson ? value : null);
}

/** While rows are being written there may be two versions of a thing that pass for the newest. */
async function notNewest(
  records: Generation["records"],
  hits: readonly Hit[],
  options: StepOptions,
): Promise<ReadonlySet<string>> {
  const sources = bySource(hits);
  const older = await Promise.all(
    [...sources].map(([source, things]) =>
      olderOf(
        records,
        source,
        things.map(({ id }) => id),
        options,
      ),
    ),
  );
  return new Set(older.flat());
}

function keysetOf({ source, partition, offset, ingested, event }: Hit | RecordDocument, { by }: StoreOrder): Keyset {
  return { timeMs: ((by === "event" ? event : ingested) ?? ingested).getTime(), source, partition, offset };
}

/**
 * One step of a count. The keys are counted here, by the index where it has all that is asked: the stages that would put times into
 * stretches are not on every server.
 */
export async function count(
  { records }: Generation,
  filter: StoreFilter,
  { bySource: apart, bucket, time }: CountKey,
  after: Keyset | undefined,
  scan: number,
  options: StepOptions,
): Promise<{ readonly counts: readonly CountRow[]; readonly scanned: number; readonly next: Keyset | undefined }> {
  const isByEvent =
    bucket !== undefined ? time === "event" : filter.event.from !== undefined || filter.event.to !== undefined;
  const order: StoreOrder = { by: isByEvent ? "event" : "ingested", descending: false };
  const question = questionOf(filter, order, after);
  const counted = new Map<string, { source: string; fromMs: number | undefined; count: number }>();
  const { upTo, scanned, behind } =
    question.rest.length > 0
      ? await boundary(records, question, scan, options)
      : { upTo: undefined, scanned: undefined, behind: [] };
  const projection = {
    _id: 0,
    source: 1,
    [order.by]: 1,
    ...(scanned === undefined ? { partition: 1, offset: 1 } : {}),
    ...(question.verify === "none" ? {} : { opaque: 1, json: 1 }),
    ...(question.verify === "all" ? { raw: 1 } : question.verify === "opaque" ? { partition: 1, offset: 1 } : {}),
  };
  const cursor = records.find(all([question.range, ...question.rest, ...behind]), {
    ...options,
    projection,
    batchSize: 10_000,
  });
  if (scanned === undefined) cursor.sort(sortOf(order)).limit(scan);
  let looked = 0;
  let last: Keyset | undefined;
  const opaque: string[] = [];
  const add = (document: RecordDocument): void => {
    const source = apart ? document.source : "";
    const at = document[order.by];
    const fromMs = bucket === undefined || at === undefined ? undefined : startOf(bucket, at.getTime());
    const key = `${fromMs ?? ""} ${source}`;
    const sum = counted.get(key);
    if (sum === undefined) counted.set(key, { source, fromMs, count: 1 });
    else sum.count += 1;
  };
  for await (const found of cursor) {
    const document = found as RecordDocument;
    looked += 1;
    if (scanned === undefined && looked === scan) last = keysetOf(document, order);
    if (question.verify === "opaque" && document.opaque === true) {
      opaque.push(documentId(document.source, document.partition, document.offset));
    } else if (question.verify !== "all" || (filter.where !== undefined && passesDocument(filter, document)))
      add(document);
  }
  for (const _id of opaque) {
    const document = await records.findOne(
      { _id },
      { ...options, projection: { source: 1, [order.by]: 1, json: 1, raw: 1 } },
    );
    if (document !== null && passesDocument(filter, document)) add(document);
  }
  return { counts: [...counted.values()], scanned: scanned ?? looked, next: scanned === undefined ? last : upTo };
}

function passesDocument({ where }: StoreFilter, { json, raw }: RecordDocument): boolean {
  const value = json && raw !== null ? Buffer.from(raw.value()) : null;
  return where === undefined || evaluate(where, value);
}

const lengths = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function startOf(bucket: NonNullable<CountKey["bucket"]>, ms: number): number {
  if (bucket !== "month") return Math.floor(ms / lengths[bucket]) * lengths[bucket];
  const date = new Date(ms);
  return new Date(0).setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

export async function versions(
  { records }: Generation,
  source: string,
  id: string,
  limit: number,
  maxBytes: number,
  options: StepOptions,
): Promise<{ readonly rows: readonly StoreRow[]; readonly more: boolean }> {
  const found = await records
    .find({ source, id }, { ...options, projection: hitProjection })
    .sort({ ingested: -1, partition: -1, offset: -1 })
    .limit(limit + 1)
    .toArray();
  const hits = cut(found, limit, maxBytes);
  const everything = { verify: "none" } as Question;
  const rows = await rowsOf(records, hits, { newestOnly: false } as StoreFilter, everything, options);
  return { rows, more: hits.length < found.length };
}

export async function read(
  { records, gaps, removals, positions }: Generation,
  source: string,
  partition: number,
  fromOffset: number,
  maxBytes: number,
  options: StepOptions,
): Promise<StoreRead> {
  const position = (): Promise<StorePosition | null> => positions.findOne({ _id: `${source}/${partition}` }, options);
  // There is no transaction: what was there before the rows were read is among them, unless it has been forgotten meanwhile.
  const before = await position();
  const rows: StoreRow[] = [];
  let bytes = 0;
  const from = documentId(source, partition, fromOffset);
  const to = documentId(source, partition, Number.MAX_SAFE_INTEGER);
  const batchSize = Math.max(10, Math.min(1000, Math.ceil(maxBytes / 1000)));
  const cursor = records
    .find({ _id: { $gte: from, $lte: to } }, { ...options, projection: rowProjection, batchSize })
    .sort({ _id: 1 });
  for await (const document of cursor) {
    const row = toRow(document);
    rows.push(row);
    bytes += document.bytes + ROW;
    if (bytes >= maxBytes) break;
  }
  const last = bytes >= maxBytes ? (rows.at(-1)?.offset ?? fromOffset) : Number.MAX_SAFE_INTEGER;
  const found = await gaps
    .find(
      { source, partition, toOffset: { $gt: fromOffset }, fromOffset: { $lte: last } },
      { ...options, projection: { _id: 0 } },
    )
    .sort({ fromOffset: 1 })
    .toArray();
  // After the rows: whatever went while they were read is in it.
  const removal = await removals.findOne({ source, partition }, options);
  const after = before && (await position());
  const isKept = after?.topicId === before?.topicId && (after?.nextOffset ?? 0) >= (before?.nextOffset ?? 0);
  return {
    rows,
    gaps: found,
    removedBefore: removal?.beforeOffset ?? 0,
    until:
      before !== null && isKept
        ? { topicId: before.topicId, offset: Math.min(last + 1, before.nextOffset) }
        : undefined,
  };
}
