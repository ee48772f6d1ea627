import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { type Timestamp, durationFromMs, timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  GetResponseSchema,
  QueryResponseSchema,
  type RecordStore as RecordStoreService,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { isSayable } from "@apispool/record-codec/timestamp-range.js";
import { type FieldProblem, invalidArgument, rpcError } from "@apispool/common/errors.js";
import type { Implementation } from "@apispool/common/grpc-server.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";
import type { CountRow, RecordStore, StoreRemoval } from "@apispool/record-store/store.js";
import { Budget } from "./budget.js";
import { encodeCursor } from "./cursor.js";
import { freshnessOf } from "./freshness.js";
import type { Projector, RebuildStanding } from "./projector.js";
import { countSpec, querySpec } from "./query-request.js";
import { withRecords } from "./record-message.js";
import type { TtlOf } from "./ttl.js";

const MOST_VERSIONS = 1000;
/** The most that one GetResponse holds, in bytes. */
const VERSIONS_BYTES = 8 * 1024 * 1024;
const MOST_COUNTS = 10_000;
/** The most records of one page. */
const PAGE_RECORDS = 1000;
/** How often a rebuild tells how far it is. */
const PROGRESS_MS = 500;

export interface RecordStoreOptions {
  readonly store: RecordStore;
  readonly projector: Projector;
  readonly ttlOf: TtlOf;
  readonly catalogue: Catalogue;
  readonly batchBytes: number;
  readonly queryScan: number;
  readonly queryTimeMs: number;
  readonly queries: number;
  readonly onStopped: (reason: "scan" | "time") => void;
}

/** The RecordStore service. */
export function recordStore(options: RecordStoreOptions): Implementation<(typeof RecordStoreService)["method"]> {
  const { store, projector, ttlOf, catalogue, batchBytes, queryScan, queryTimeMs, queries, onStopped } = options;
  let underWay = 0;

  /** Each keeps a page or so in memory. */
  function begin(): () => void {
    if (underWay >= queries) {
      throw rpcError(
        Code.ResourceExhausted,
        "LIMIT_EXCEEDED",
        `${queries} queries are under way already, which is the most at a time (STORE_QUERIES)`,
        { retryAfterMs: 1000 },
      );
    }
    underWay += 1;
    return () => (underWay -= 1);
  }

  const told = (sources: readonly string[], removals: readonly StoreRemoval[]) => {
    const isMeant = ({ source }: { readonly source: string }): boolean =>
      sources.length === 0 || sources.includes(source);
    return freshnessOf(projector.progress.filter(isMeant), projector.problem, removals.filter(isMeant));
  };
  /** Asked for when the records have been looked at, so that what went meanwhile is said, too. */
  const freshness = async (sources: readonly string[], signal: AbortSignal) =>
    told(sources, await store.removals(signal));

  /** What the store has of a source may be there for longer than the source. */
  async function checkSources(sources: readonly string[], signal: AbortSignal): Promise<void> {
    if (sources.length === 0) return;
    const known = new Set(projector.progress.map(({ source }) => source));
    if (sources.every((source) => known.has(source))) return;
    for (const { source } of await store.sizes(signal)) known.add(source);
    const unknown = sources.filter((source) => !known.has(source));
    if (unknown.length > 0) catalogue.ofSources(await catalogue.partitions(1000), unknown);
  }

  return {
    async *query(request, { signal }) {
      const { filter, order, limit, after, question } = querySpec(request);
      const end = begin();
      try {
        await checkSources(filter.sources, signal);
        const budget = new Budget(queryScan, queryTimeMs);
        let from = after;
        let left = limit;
        for (;;) {
          const { rows, next } = await budget.spend(async (scan) =>
            store.query(
              filter,
              order,
              from,
              { scan, limit: Math.min(left, PAGE_RECORDS), maxBytes: batchBytes },
              signal,
            ),
          );
          from = next;
          left -= rows.length;
          const stopped = next === undefined ? undefined : left <= 0 ? "limit" : budget.exhausted;
          const isLast = next === undefined || stopped !== undefined;
          if (stopped === "scan" || stopped === "time") onStopped(stopped);
          if (rows.length > 0 || isLast) {
            const nextCursor = next === undefined ? "" : encodeCursor(next, question);
            const rest = isLast
              ? {
                  nextCursor,
                  ...(stopped === undefined ? {} : { stopped: budget.stopped(stopped, "or go on with next_cursor") }),
                  freshness: await freshness(filter.sources, signal),
                }
              : { nextCursor };
            // What is in its wire form already is sent as it is.
            yield withRecords(QueryResponseSchema, rows, rest) as never;
          }
          if (isLast) return;
        }
      } finally {
        end();
      }
    },
    async get(request, { signal }) {
      const problems: FieldProblem[] = [];
      if (request.source === "") problems.push({ field: "source", problem: "is missing; name one" });
      if (request.id === "") problems.push({ field: "id", problem: "is missing; name a thing" });
      if (request.limit > MOST_VERSIONS) {
        problems.push({ field: "limit", problem: `is ${request.limit}; ${MOST_VERSIONS} at most` });
      }
      if (problems.length > 0) throw invalidArgument(problems);
      const end = begin();
      try {
        const { source, id } = request;
        await checkSources([source], signal);
        const { rows, more } = await store.versions(source, id, request.limit || MOST_VERSIONS, VERSIONS_BYTES, signal);
        if (rows.length === 0) {
          const { behind = 0n, removedBefore } = await freshness([source], signal);
          const why = [
            ...(behind > 0n ? [`it is ${behind} offsets behind Kafka`] : []),
            ...(removedBefore === undefined
              ? []
              : [
                  `records that were written before ${timestampDate(removedBefore as Timestamp).toISOString()} were removed`,
                ]),
          ];
          throw rpcError(
            Code.NotFound,
            "UNKNOWN_RECORD",
            [`the store has no record "${id}" of the source "${source}"`, ...why].join("; "),
            { metadata: { source, id } },
          );
        }
        return withRecords(GetResponseSchema, rows, { more, freshness: await freshness([source], signal) }) as never;
      } finally {
        end();
      }
    },
    async count(request, { signal }) {
      const { filter, key } = countSpec(request);
      const end = begin();
      try {
        await checkSources(filter.sources, signal);
        const budget = new Budget(queryScan, queryTimeMs);
        const sums = new Map<string, { readonly row: CountRow; count: number }>();
        let total = 0;
        let stopped: "scan" | "time" | undefined;
        for (let from: Parameters<RecordStore["count"]>[2]; ;) {
          const { counts, next } = await budget.spend(async (scan) => store.count(filter, key, from, scan, signal));
          for (const row of counts) {
            total += row.count;
            const place = `${row.fromMs ?? ""} ${row.source}`;
            const sum = sums.get(place);
            if (sum === undefined) sums.set(place, { row, count: row.count });
            else sum.count += row.count;
          }
          if (sums.size > MOST_COUNTS) {
            const problem = `makes more than ${MOST_COUNTS} counts; take a longer one, or a shorter range of time`;
            throw invalidArgument([{ field: "bucket", problem }]);
          }
          from = next;
          if (next === undefined) break;
          stopped = budget.exhausted;
          if (stopped === undefined) continue;
          onStopped(stopped);
          break;
        }
        const isSplit = key.bySource || key.bucket !== undefined;
        const counts = [...sums.values()].sort(
          ({ row: a }, { row: b }) => (a.fromMs ?? 0) - (b.fromMs ?? 0) || (a.source < b.source ? -1 : 1),
        );
        return {
          total: BigInt(total),
          counts: !isSplit
            ? []
            : counts.map(({ row: { source, fromMs }, count }) => ({
                source,
                ...(fromMs === undefined ? {} : { from: timestampFromMs(fromMs) }),
                count: BigInt(count),
              })),
          ...(stopped === undefined ? {} : { stopped: budget.stopped(stopped, "the counts are of what it came to") }),
          freshness: await freshness(filter.sources, signal),
        };
      } finally {
        end();
      }
    },
    async getStoreStatus(_request, { signal }) {
      const sizes = new Map((await store.sizes(signal)).map(({ source, records }) => [source, records]));
      const followed = new Set(projector.progress.map(({ source }) => source));
      const names = [...new Set([...sizes.keys(), ...followed])].toSorted();
      const { rebuild } = projector;
      const removals = await store.removals(signal);
      return {
        kind: store.kind,
        freshness: told([], removals),
        sources: names.map((source) => ({
          source,
          records: BigInt(sizes.get(source) ?? 0),
          freshness:
            followed.has(source) || followed.size === 0
              ? told([source], removals)
              : { problem: "its topic is not in Kafka any more; a rebuild leaves it out" },
          ...keptFor(ttlOf(source)),
          removed: removals
            .filter((removal) => removal.source === source)
            .map(({ partition, beforeOffset, beforeMs }) => ({
              partition,
              beforeOffset: BigInt(beforeOffset),
              ...(isSayable(beforeMs) ? { before: timestampFromMs(beforeMs) } : {}),
            })),
        })),
        ...(rebuild === undefined ? {} : { rebuild: progressOf(rebuild) }),
      };
    },
    async *rebuildStore(_request, { signal }) {
      const rebuilt = projector.rebuilt();
      const state = { isOver: false };
      const over = rebuilt.finally(() => (state.isOver = true));
      over.catch(() => undefined);
      let last = projector.rebuild;
      while (!state.isOver) {
        const now = projector.rebuild;
        if (now !== undefined) yield { progress: progressOf((last = now)) };
        await Promise.race([over, sleep(PROGRESS_MS, undefined, { signal })]);
      }
      await over;
      const elapsedMs = last?.elapsedMs ?? 0;
      const done = last?.total ?? 0;
      yield { progress: progressOf({ done, total: done, elapsedMs }), complete: true };
    },
  };
}

function keptFor(ttlMs: number | undefined) {
  return ttlMs === undefined ? {} : { ttl: durationFromMs(ttlMs) };
}

function progressOf({ done, total, elapsedMs }: RebuildStanding) {
  return { done: BigInt(done), total: BigInt(total), elapsed: durationFromMs(Math.round(elapsedMs)) };
}
