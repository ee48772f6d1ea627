import { EventEmitter, once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  AckMode,
  DataReader,
  type FetchUnreadRequest,
  type FetchUnreadResponseSchema,
  GapReason,
  type ReaderSchema,
  type SeekRequest,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import {
  ActualState,
  DesiredState,
  type SourceStatus,
  SourceStatusSchema,
  type TrySourceRequest,
  WorkerControl,
} from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { rpcError } from "@apispool/common/errors.js";

type Batch = MessageInitShape<typeof FetchUnreadResponseSchema>;

const noon = BigInt(Date.UTC(2026, 10, 25, 12) / 1000);

/** So many seconds from noon of the 25th of November 2026, which is now. */
export const at = (seconds: number) => ({ seconds: noon + BigInt(seconds), nanos: 0 });

/**
 * The gateway's two services over an array, on a real Connect server. It keeps positions as the contract says and remembers
 * what it was asked.
 */
export class FakeGateway {
  /** JSON texts; each one's offset is its index. */
  readonly log: string[] = [];
  readonly positions = new Map<string, number>();
  readonly fetches: FetchUnreadRequest[] = [];
  readonly acknowledged: string[] = [];
  readonly seeks: SeekRequest[] = [];
  readonly tries: TrySourceRequest[] = [];
  readonly deleted: string[] = [];
  /** What was shown with each request for the status. */
  readonly authorizations: (string | undefined)[] = [];
  readers: MessageInitShape<typeof ReaderSchema>[] = [];
  statuses: SourceStatus[] = [
    create(SourceStatusSchema, {
      source: "quakes",
      desiredState: DesiredState.STOPPED,
      actualState: ActualState.STOPPED,
      url: "https://api.test/quakes",
    }),
  ];
  batchSize = 100;
  /** Told with the first batch of the next fetch. */
  gap: NonNullable<Batch["gaps"]>[number] | undefined;
  /** Fails acknowledgements. */
  acknowledgeError: Error | undefined;
  /** Ends a fetch before its last batch once so many records have been sent. */
  breakAfter = Number.POSITIVE_INFINITY;
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  #server: http2.Http2Server | undefined;
  port = 0;

  static async start(): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    await gateway.listen();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Again at the same port, if it was there before. */
  async listen(): Promise<void> {
    const server = http2.createServer(connectNodeAdapter({ routes: (router) => this.#routes(router) }));
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As a process that is killed. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const session of this.#sessions) session.destroy();
    this.#events.emit("change");
    await closed;
  }

  add(...jsons: string[]): void {
    this.log.push(...jsons);
    this.#events.emit("change");
  }

  /** A change that WatchStatus tells. */
  change(source: string, change: Partial<SourceStatus>): void {
    this.statuses = this.statuses.map((known) => (known.source === source ? { ...known, ...change } : known));
    this.#events.emit("status", source);
  }

  #routes(router: ConnectRouter): void {
    router.service(WorkerControl, {
      start: ({ sources }) => this.#set(sources, DesiredState.STARTED),
      stop: ({ sources }) => this.#set(sources, DesiredState.STOPPED),
      getStatus: ({ sources }, { requestHeader }) => {
        this.authorizations.push(requestHeader.get("authorization") ?? undefined);
        return { sources: this.#known(sources) };
      },
      watchStatus: ({ sources }, { signal }) => this.#watch(sources, signal),
      trySource: (request) => {
        this.tries.push(request);
        this.#known([request.source]);
        return {
          records: [{ id: "7", key: "7", json: '{"id":7,\n"at":12345678901234567890}' }],
          recordsTotal: 2n,
          requests: [{ method: "GET", url: "https://api.test/quakes", status: 200 }],
          nextCursor: "9",
          more: true,
        };
      },
    });
    router.service(DataReader, {
      fetchUnread: (request, { signal }) => this.#fetch(request, signal),
      acknowledge: ({ reader, cursor }) => {
        if (this.acknowledgeError !== undefined) throw this.acknowledgeError;
        this.acknowledged.push(cursor);
        return { changed: this.#acknowledge(reader, cursor) };
      },
      seek: (request) => {
        this.seeks.push(request);
        this.#known(request.sources);
        const { to } = request;
        if (to.case === "offsets") return { positions: to.value.positions };
        return {
          positions: [{ source: "quakes", partition: 0, offset: to.case === "latest" ? BigInt(this.log.length) : 0n }],
        };
      },
      getReader: ({ reader }) => ({ reader: this.#reader(reader) }),
      listReaders: () => ({ readers: this.readers }),
      deleteReader: ({ reader }) => {
        this.#reader(reader);
        this.deleted.push(reader);
        return {};
      },
    });
  }

  #known(names: readonly string[]): SourceStatus[] {
    const known = this.statuses.map(({ source }) => source);
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `sources: unknown: "${unknown}"; known: ${known.join(", ")}`);
    }
    return names.length === 0 ? this.statuses : this.statuses.filter(({ source }) => names.includes(source));
  }

  #set(names: readonly string[], desiredState: DesiredState) {
    const sources = this.#known(names).map((status) => ({ ...status, changed: status.desiredState !== desiredState }));
    const set = new Set(sources.map(({ source }) => source));
    this.statuses = this.statuses.map((status) => (set.has(status.source) ? { ...status, desiredState } : status));
    return { sources };
  }

  async *#watch(names: readonly string[], signal: AbortSignal) {
    yield { sources: this.#known(names) };
    for (;;) {
      const [source] = (await once(this.#events, "status", { signal })) as [string];
      yield { sources: this.#known([source]) };
    }
  }

  #reader(name: string) {
    const reader = this.readers.find((r) => r.name === name);
    if (reader === undefined) throw rpcError(Code.NotFound, "UNKNOWN_READER", `reader "${name}" has never fetched`);
    return reader;
  }

  #acknowledge(reader: string, cursor: string): boolean {
    const changed = offsetOf(cursor) > (this.positions.get(reader) ?? 0);
    if (changed) this.positions.set(reader, offsetOf(cursor));
    this.#events.emit("change");
    return changed;
  }

  async *#fetch(request: FetchUnreadRequest, signal: AbortSignal): AsyncGenerator<Batch> {
    this.fetches.push(request);
    this.#known(request.sources);
    const { reader, since, follow, ackCursor } = request;
    if (ackCursor !== "") this.#acknowledge(reader, ackCursor);
    let place = since === "" ? (this.positions.get(reader) ?? 0) : this.#placeOf(since);
    const end = request.limit === 0n ? Number.POSITIVE_INFINITY : place + Number(request.limit);
    const gaps = this.gap === undefined ? [] : [this.gap];
    this.gap = undefined;
    for (let first = true; ; first = false) {
      const upTo = Math.min(place + this.batchSize, this.log.length, end);
      const complete = !follow && (upTo === this.log.length || upTo === end);
      if (first || upTo > place || complete) {
        const read = this.log.slice(place, upTo).map((json, i) => recordOf(json, place + i));
        const records = read.filter(({ id }) => request.keys.length === 0 || request.keys.includes(id));
        place = upTo;
        if (place >= this.breakAfter) return;
        yield { records, gaps: first ? gaps : [], cursor: cursorOf(place), complete };
      }
      if (complete) break;
      if (place === this.log.length) await once(this.#events, "change", { signal });
    }
    if (request.ack !== AckMode.LEASE) return;
    while ((this.positions.get(reader) ?? 0) < place) await once(this.#events, "change", { signal });
  }

  #placeOf(since: string): number {
    if (since === "earliest") return 0;
    return since === "latest" || since.includes(":") ? this.log.length : offsetOf(since);
  }
}

export const cursorOf = (offset: number): string => `cursor-${offset}`;
const offsetOf = (cursor: string): number => Number(cursor.slice("cursor-".length));

export const expiredGap = {
  source: "quakes",
  partition: 0,
  fromOffset: 3n,
  toOffset: 5n,
  reason: GapReason.EXPIRED,
  detail: "Kafka deleted them",
};

function recordOf(json: string, offset: number) {
  return {
    source: "quakes",
    id: `q${offset}`,
    offset: BigInt(offset),
    ingestedAt: at(-60 + offset),
    payload: { case: "json" as const, value: json },
  };
}
