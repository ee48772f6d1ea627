import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type Record as StoredRecord, RecordSchema } from "@apispool/contracts/apispool/v1/record_pb.js";
import {
  CountBucket,
  type CountRequest,
  type FreshnessSchema,
  type GetStoreStatusResponseSchema,
  type QueryRequest,
  type RebuildStoreResponseSchema,
  RecordOrder,
  RecordStore,
  StoppedReason,
  Versions,
  type RecordFilter,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { invalidArgument, rpcError } from "@apispool/common/errors.js";
import { type CallContext, type Implementation, addService } from "@apispool/common/grpc-server.js";
import { HealthState } from "@apispool/common/health.js";
import { silentLogger } from "@apispool/common/logger.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";

/** When the first record of a fake store was written, in milliseconds; each later one a second after it. */
export const firstIngestedMs = Date.parse("2026-11-01T00:00:00Z");

/**
 * A RecordStore over an array, on a real grpc-js server. It knows sources, ids, times, versions, orders, limits and cursors; of
 * `where` only that "?" is wrong and "none" matches nothing. It remembers what it was asked.
 */
export class FakeStore {
  tls: TlsFiles | undefined;
  readonly records: StoredRecord[] = [];
  readonly queries: QueryRequest[] = [];
  readonly counts: CountRequest[] = [];
  /** Records in a page of the stream. */
  pageSize = 2;
  /** How many records a query may look at. */
  scan = Number.POSITIVE_INFINITY;
  /** Fails instead of any answer. */
  failure: unknown;
  /** Fails a query instead of its next page once so many records have been sent. */
  failAfter: { readonly records: number; readonly error: unknown } | undefined;
  freshness: MessageInitShape<typeof FreshnessSchema> = { behind: 0n, checkedAt: timestampFromMs(firstIngestedMs) };
  status: MessageInitShape<typeof GetStoreStatusResponseSchema> | undefined;
  rebuild: readonly MessageInitShape<typeof RebuildStoreResponseSchema>[] = [
    { progress: { done: 1n, total: 4n, elapsed: { seconds: 0n, nanos: 500_000_000 } } },
    { progress: { done: 4n, total: 4n, elapsed: { seconds: 2n, nanos: 0 } }, complete: true },
  ];
  rebuilds = 0;
  server: RunningServer | undefined;
  health = new HealthState([RecordStore.typeName]);

  async start(address = "127.0.0.1:0"): Promise<string> {
    this.server = await startGrpcService({
      tls: this.tls,
      log: silentLogger,
      health: this.health,
      address,
      services: [RecordStore],
      register: (server, options) => addService(server, RecordStore, this.#implementation(), options),
    });
    this.health.setServing(true);
    return `127.0.0.1:${this.server.port}`;
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  /** Adds a record, a second after the one before. */
  add(source: string, id: string, json: string, more: MessageInitShape<typeof RecordSchema> = {}): void {
    const offset = BigInt(this.records.length);
    const ingestedAt = timestampFromMs(firstIngestedMs + Number(offset) * 1000);
    const payload = { case: "json", value: json } as const;
    this.records.push(create(RecordSchema, { source, id, offset, ingestedAt, payload, ...more }));
  }

  #implementation(): Implementation<(typeof RecordStore)["method"]> {
    return {
      query: (request, context) => this.#query(request, context),
      get: ({ source, id, limit }) => {
        this.#mayFail();
        this.#checkSources([source]);
        const versions = this.records.filter((one) => one.source === source && one.id === id).toReversed();
        if (versions.length === 0) throw rpcError(Code.NotFound, "UNKNOWN_RECORD", `${source} has no record "${id}"`);
        const most = limit === 0 ? 1000 : limit;
        return { versions: versions.slice(0, most), more: versions.length > most, freshness: this.freshness };
      },
      count: (request) => {
        this.counts.push(request);
        this.#mayFail();
        const matching = this.#matching(request.filter);
        const byTime = request.bucket !== CountBucket.UNSPECIFIED;
        const length =
          { [CountBucket.MINUTE]: 60_000, [CountBucket.HOUR]: 3_600_000 }[request.bucket as 1 | 2] ?? 86_400_000;
        const counts = new Map<string, { source: string; fromMs: number; count: bigint }>();
        if (byTime || request.bySource) {
          for (const { source, ingestedAt } of matching) {
            const ms = ingestedAt === undefined ? 0 : timestampMs(ingestedAt);
            const one = { source: request.bySource ? source : "", fromMs: byTime ? ms - (ms % length) : 0 };
            const key = `${String(one.fromMs).padStart(20, "0")} ${one.source}`;
            counts.set(key, { ...one, count: (counts.get(key)?.count ?? 0n) + 1n });
          }
        }
        return {
          total: BigInt(matching.length),
          counts: [...counts]
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([, { source, fromMs, count }]) => ({
              source,
              count,
              ...(byTime ? { from: timestampFromMs(fromMs) } : {}),
            })),
          freshness: this.freshness,
        };
      },
      getStoreStatus: () => {
        this.#mayFail();
        const names = [...new Set(this.records.map(({ source }) => source))].sort();
        return (
          this.status ?? {
            kind: "sqlite",
            freshness: this.freshness,
            sources: names.map((source) => ({
              source,
              records: BigInt(this.records.filter((one) => one.source === source).length),
              freshness: this.freshness,
            })),
          }
        );
      },
      rebuildStore: (_request, context) => this.#rebuild(context),
    };
  }

  async *#rebuild({ signal }: CallContext) {
    this.#mayFail();
    this.rebuilds += 1;
    for (const progress of this.rebuild) {
      signal.throwIfAborted();
      await Promise.resolve();
      yield progress;
    }
  }

  async *#query(request: QueryRequest, { signal }: CallContext) {
    this.queries.push(request);
    this.#mayFail();
    const { filter, order, limit } = request;
    const ascending = order === RecordOrder.INGESTED_ASC || order === RecordOrder.EVENT_ASC;
    const matching = this.#matching(filter);
    if (!ascending) matching.reverse();
    let at = request.cursor === "" ? 0 : Number(/^s(\d+)$/.exec(request.cursor)?.[1] ?? Number.NaN);
    if (Number.isNaN(at)) {
      throw invalidArgument([{ field: "cursor", problem: "is damaged, or of another question" }], "INVALID_CURSOR");
    }
    const first = at;
    const most = limit === 0n ? Number.POSITIVE_INFINITY : Number(limit);
    for (;;) {
      if (this.failAfter !== undefined && at - first >= this.failAfter.records) throw this.failAfter.error;
      signal.throwIfAborted();
      await Promise.resolve();
      const end = Math.min(at + this.pageSize, first + most, first + this.scan, matching.length);
      const records = matching.slice(at, end);
      at = end;
      const over = at >= matching.length;
      const limited = !over && at - first >= most;
      const scanned = !over && !limited && at - first >= this.scan;
      const last = over || limited || scanned;
      yield {
        records,
        nextCursor: over ? "" : `s${at}`,
        ...(last ? { freshness: this.freshness } : {}),
        ...(limited || scanned
          ? {
              stopped: {
                reason: limited ? StoppedReason.LIMIT : StoppedReason.SCAN,
                scanned: BigInt(at - first),
                detail: limited ? "the limit was reached" : "narrow it by source or time",
              },
            }
          : {}),
      };
      if (last) return;
    }
  }

  #mayFail(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  #checkSources(sources: readonly string[]): void {
    const unknown = sources.find((source) => !this.records.some((one) => one.source === source));
    if (unknown !== undefined) throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `no source "${unknown}"`);
  }

  #matching(filter: RecordFilter | undefined): StoredRecord[] {
    if (filter === undefined) return [...this.records];
    this.#checkSources(filter.sources);
    if (filter.where.includes("?")) {
      throw invalidArgument([{ field: "filter.where", problem: 'has "?" at 1, where a path is expected' }]);
    }
    if (filter.where === "none") return [];
    const { from, to } = filter.ingestedAt ?? {};
    const ms = ({ ingestedAt }: StoredRecord): number => (ingestedAt === undefined ? 0 : timestampMs(ingestedAt));
    return this.records.filter(
      (one, i) =>
        (filter.sources.length === 0 || filter.sources.includes(one.source)) &&
        (filter.ids.length === 0 || filter.ids.includes(one.id)) &&
        (from === undefined || ms(one) >= timestampMs(from)) &&
        (to === undefined || ms(one) < timestampMs(to)) &&
        (filter.versions !== Versions.NEWEST ||
          !this.records.slice(i + 1).some((later) => later.source === one.source && later.id === one.id)),
    );
  }
}
