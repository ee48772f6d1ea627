import { Code } from "@connectrpc/connect";
import {
  type Collection,
  type Document,
  MongoBulkWriteError,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from "mongodb";
import { rpcError } from "@apispool/common/errors.js";
import { removalsOf, removedAtOnce } from "../removals-of.js";
import type { StoreGap, StorePosition, StoreRemoval, StoreRow } from "../store.js";
import type { Generation } from "./generations.js";
import { type RecordDocument, toDocument } from "./record-document.js";

/** MongoDB's code for a document that is there already. */
const DUPLICATE = 11_000;
/** Larger ones would leave no room beneath the 16 MB of a document. */
const MOST_RECORD_BYTES = 15 * 1024 * 1024;
/** How many ids are asked for at a time. */
const IDS = 500;

/**
 * Adds rows, then gaps and removals, then moves the positions, each of which can be repeated: there is no transaction over all of them (FerretDB has none,
 * nor has a server by itself), so a crash in between leaves rows that the next attempt finds there.
 */
export async function write(
  to: Generation,
  rows: readonly StoreRow[],
  positions: readonly StorePosition[],
  gaps: readonly StoreGap[],
  removals: readonly StoreRemoval[],
): Promise<void> {
  const fit = rows.filter(isFit);
  const topicIds = new Map(positions.map(({ source, topicId }) => [source, topicId]));
  const unfit = rows.filter((row) => !isFit(row)).map((row) => tooLarge(row, topicIds.get(row.source) ?? ""));
  const newest = newestOf(fit);
  await insert(
    to.records,
    fit.map((row) => toDocument(row, row.id === "" || newest.get(keyOf(row)) === row)),
  );
  await demote(to.records, [...newest.values()]);
  await insert(
    to.gaps,
    [...gaps, ...unfit].map((gap) => ({
      _id: `${gap.source}/${gap.partition}/${gap.topicId}/${gap.fromOffset}/${gap.toOffset}`,
      ...gap,
    })),
  );
  for (const removal of removals) await tell(to, removal);
  for (const position of positions) await move(to, position);
}

/** Adds what is not there yet. */
async function insert<T extends Document>(
  collection: Collection<T>,
  documents: readonly OptionalUnlessRequiredId<T>[],
): Promise<void> {
  if (documents.length === 0) return;
  try {
    await collection.insertMany(documents, { ordered: false });
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
    const errors = error.result.getWriteErrors();
    if (errors.length === 0 || errors.some(({ code }) => code !== DUPLICATE)) throw error;
  }
}

/**
 * Of each thing that rows were added of, all versions but the newest are marked as older. The newest is never marked, so whatever comes
 * in between (a crash, another process that does the same) leaves one mark too few at the worst, until the rows are written again.
 */
async function demote(records: Collection<RecordDocument>, rows: readonly StoreRow[]): Promise<void> {
  for (const [source, things] of bySource(rows)) {
    const ids = things.map(({ id }) => id);
    for (let at = 0; at < ids.length; at += IDS) {
      const older = await olderOf(records, source, ids.slice(at, at + IDS));
      if (older.length > 0) await records.updateMany({ _id: { $in: older } }, { $set: { newest: false } });
    }
  }
}

/** Those that have an id, by their source. */
export function bySource<T extends { readonly source: string; readonly id: string }>(
  things: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const sources = new Map<string, T[]>();
  for (const thing of things) {
    if (thing.id === "") continue;
    const others = sources.get(thing.source);
    if (others === undefined) sources.set(thing.source, [thing]);
    else others.push(thing);
  }
  return sources;
}

/** Of things of a source: those documents that pass for the newest and are not. */
export async function olderOf(
  records: Collection<RecordDocument>,
  source: string,
  ids: readonly string[],
  options: { readonly maxTimeMS?: number } = {},
): Promise<string[]> {
  const found = await records
    .find({ source, id: { $in: [...ids] }, newest: true }, options)
    .project<Pick<RecordDocument, "_id" | "id" | "ingested" | "partition" | "offset">>({
      id: 1,
      ingested: 1,
      partition: 1,
      offset: 1,
    })
    .toArray();
  const best = new Map<string, (typeof found)[number]>();
  const older: string[] = [];
  for (const document of found) {
    const other = best.get(document.id);
    if (other === undefined || isLater(document, other)) best.set(document.id, document);
    if (other !== undefined) older.push(isLater(document, other) ? other._id : document._id);
  }
  return older;
}

type Version = Pick<RecordDocument, "partition" | "offset"> & { readonly ingested: Date | number };

function isLater(a: Version, b: Version): boolean {
  return (Number(a.ingested) - Number(b.ingested) || a.partition - b.partition || a.offset - b.offset) > 0;
}

function keyOf({ source, id }: StoreRow): string {
  return `${source}/${id}`;
}

function newestOf(rows: readonly StoreRow[]): Map<string, StoreRow> {
  const newest = new Map<string, StoreRow>();
  const version = ({ ingestedMs: ingested, partition, offset }: StoreRow): Version => ({ ingested, partition, offset });
  for (const row of rows) {
    const other = newest.get(keyOf(row));
    if (other === undefined || isLater(version(row), version(other))) newest.set(keyOf(row), row);
  }
  return newest;
}

function isFit({ key, value, headers }: StoreRow): boolean {
  return (key?.length ?? 0) + (value?.length ?? 0) + headers.length <= MOST_RECORD_BYTES;
}

function tooLarge({ source, partition, offset }: StoreRow, topicId: string): StoreGap {
  const detail = "the record is larger than the 15 MB that MongoDB keeps of one; Kafka has it";
  return { source, topicId, partition, fromOffset: offset, toOffset: offset + 1, reason: "unreadable", detail };
}

/** Forward only, unless the topic is another one: another process may have come further. */
async function move(
  { positions }: Generation,
  { source, partition, topicId, nextOffset }: StorePosition,
): Promise<void> {
  const _id = `${source}/${partition}`;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { matchedCount } = await positions.updateOne({ _id, topicId }, { $max: { nextOffset } });
    if (matchedCount > 0) return;
    try {
      await positions.updateOne(
        { _id, topicId: { $ne: topicId } },
        { $set: { source, partition, topicId, nextOffset } },
        { upsert: true },
      );
      return;
    } catch (error) {
      // Somebody else has just made it.
      if (!(error instanceof MongoServerError) || error.code !== DUPLICATE) throw error;
    }
  }
  throw rpcError(
    Code.Unavailable,
    "STORE_UNAVAILABLE",
    `the position of ${_id} cannot be moved: others keep moving it`,
  );
}

/**
 * What is said of a partition's removals, which only ever grows. FerretDB's $max makes no document, and another process may do the same.
 */
async function tell(
  { removals }: Generation,
  { source, partition, beforeOffset, beforeMs }: StoreRemoval,
): Promise<void> {
  const _id = `${source}/${partition}`;
  await insert(removals, [{ _id, source, partition, beforeOffset, beforeMs }]);
  await removals.updateOne({ _id }, { $max: { beforeOffset, beforeMs } });
}

/** Says it, then removes: a crash in between leaves records that go with the next attempt. */
export async function removeBefore(
  to: Generation,
  source: string,
  beforeMs: number,
  limit: number,
  options: { readonly maxTimeMS: number },
): Promise<number> {
  const found = await to.records
    .find({ source, ingested: { $gte: new Date(0), $lt: new Date(beforeMs) } }, options)
    .project<Pick<RecordDocument, "_id" | "partition" | "offset" | "ingested" | "bytes">>({
      partition: 1,
      offset: 1,
      ingested: 1,
      bytes: 1,
    })
    .sort({ ingested: 1, partition: 1, offset: 1 })
    .limit(limit)
    .toArray();
  const old = removedAtOnce(found);
  const rows = old.map(({ partition, offset, ingested }) => ({ partition, offset, ingestedMs: ingested.getTime() }));
  for (const removal of removalsOf(source, rows)) await tell(to, removal);
  let removed = 0;
  for (let at = 0; at < old.length; at += IDS) {
    const _id = { $in: old.slice(at, at + IDS).map((one) => one._id) };
    removed += (await to.records.deleteMany({ source, _id })).deletedCount;
  }
  return removed;
}

/**
 * The position goes last: what is left of the rows is forgotten by the next attempt. First of all it becomes one of no topic, so that
 * nobody who reads meanwhile takes what is left for all that there was.
 */
export async function forget({ records, gaps, removals, positions }: Generation, source: string): Promise<void> {
  await positions.updateMany({ source }, { $set: { topicId: "" } });
  await records.deleteMany({ source });
  await gaps.deleteMany({ source });
  await removals.deleteMany({ source });
  await positions.deleteMany({ source });
}
