import { setTimeout as sleep } from "node:timers/promises";
import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  AckMode,
  DataReader,
  type FetchUnreadRequest,
  FetchUnreadResponseSchema,
  type GapSchema,
  type SeekRequest,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordSchema } from "@apispool/contracts/apispool/v1/record_pb.js";
import { ActualState, DesiredState, WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { invalidArgument, rpcError } from "@apispool/common/errors.js";
import type { CallContext, Implementation } from "@apispool/common/grpc-server.js";
import { FakeService } from "./fake-service.js";

/**
 * A DataReader over an array, on a real grpc-js server: what the gateway has to work with, Kafka left out. It keeps
 * positions and the lock of each reader as the contract says, and remembers what it was asked.
 */
export class FakeReader extends FakeService<(typeof DataReader)["method"]> {
  readonly log: string[];
  readonly positions: Map<string, number>;
  readonly requests: FetchUnreadRequest[] = [];
  readonly contexts: CallContext[] = [];
  readonly acknowledged: string[] = [];
  /** The newest first. */
  deadLetters: readonly Buffer[] = [];
  /** Records in a batch. */
  batchSize = 100;
  /** How long a fetch waits for another one that holds the reader, in milliseconds. */
  lockWaitMs = 5000;
  /** Fails a fetch instead of its next batch once so many records have been sent; without an error it just ends. */
  failAfter: { records: number; error: unknown } | undefined;
  /** Sends a batch of nothing before the first. */
  emptyFirst = false;
  /** What the next batch says of gaps. */
  readonly gaps: MessageInitShape<typeof GapSchema>[] = [];
  readonly seeks: SeekRequest[] = [];
  /** How many records have been handed to grpc-js. */
  sent = 0;
  /** How many fetches hold a reader now. */
  held = 0;
  readonly #locks = new Map<string, Promise<void>>();
  readonly #wakeUps = new Set<() => void>();

  /** Another process on the same log and positions, as it were, where one is given. */
  constructor(same?: FakeReader) {
    super(DataReader);
    this.log = same?.log ?? [];
    this.positions = same?.positions ?? new Map<string, number>();
  }

  /** Adds records, each a JSON text. */
  add(jsons: readonly string[]): void {
    for (const json of jsons) this.log.push(json);
    for (const wakeUp of this.#wakeUps) wakeUp();
  }

  positionOf(reader: string): number {
    return this.positions.get(reader) ?? 0;
  }

  protected implementation(): Implementation<(typeof DataReader)["method"]> {
    const known = (name: string): number => {
      const position = this.positions.get(name);
      if (position === undefined) throw rpcError(Code.NotFound, "UNKNOWN_READER", `there is no reader "${name}"`);
      return position;
    };
    const reader = (name: string, position: number) => ({
      name,
      positions: [{ source: "quakes", partition: 0, offset: BigInt(position) }],
      unread: BigInt(this.log.length - position),
      ...(this.log.length > position ? { oldestUnreadAt: { seconds: 1_700_000_000n, nanos: 0 } } : {}),
    });
    return {
      fetchUnread: (request, context) => this.#fetch(request, context),
      acknowledge: ({ reader, cursor }) => {
        this.acknowledged.push(cursor);
        return this.#acknowledge(reader === "" ? "default" : reader, cursor);
      },
      seek: (request) => {
        this.seeks.push(request);
        const { to, reader: name } = request;
        const offset = to.case === "cursor" ? offsetOf(to.value, "cursor") : to.case === "latest" ? this.log.length : 0;
        if (to.case === "offsets" && to.value.positions.some((position) => position.source !== "quakes")) {
          throw invalidArgument([{ field: "offsets.positions[0]", problem: "there is no such source" }]);
        }
        this.positions.set(name === "" ? "default" : name, offset);
        return { positions: [{ source: "quakes", partition: 0, offset: BigInt(offset) }] };
      },
      getReader: ({ reader: name }) => ({ reader: reader(name, known(name)) }),
      listReaders: () => ({
        readers: [...this.positions.keys()].sort().map((name) => reader(name, this.positionOf(name))),
      }),
      deleteReader: ({ reader: name }) => {
        known(name);
        this.positions.delete(name);
        return {};
      },
      listDeadLetters: ({ sources, limit, maxRawBytes }) => {
        if (limit > 1000) throw invalidArgument([{ field: "limit", problem: "must be from 1 to 1000" }]);
        const unknown = sources.find((source) => source !== "quakes");
        if (unknown !== undefined) throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `no source "${unknown}"`);
        const cut = (bytes: Buffer) => Uint8Array.from(maxRawBytes === 0 ? bytes : bytes.subarray(0, maxRawBytes));
        return {
          deadLetters: this.deadLetters.map((raw, index) => ({
            source: "quakes",
            offset: BigInt(this.deadLetters.length - 1 - index),
            writtenAt: { seconds: 1_700_000_000n, nanos: 5_000_000 },
            reason: "it has no id",
            place: `item ${index}`,
            raw: cut(raw),
            fullBytes: BigInt(raw.length),
          })),
          more: limit > 0 && limit < 3,
        };
      },
    };
  }

  #acknowledge(reader: string, cursor: string, field = "cursor") {
    const offset = offsetOf(cursor, field);
    const changed = offset > this.positionOf(reader);
    if (changed) this.positions.set(reader, offset);
    for (const wakeUp of this.#wakeUps) wakeUp();
    return { changed, positions: [{ source: "quakes", partition: 0, offset: BigInt(this.positionOf(reader)) }] };
  }

  async *#fetch(request: FetchUnreadRequest, context: CallContext) {
    this.requests.push(request);
    this.contexts.push(context);
    const reader = request.reader === "" ? "default" : request.reader;
    if (request.ackCursor !== "") this.#acknowledge(reader, request.ackCursor, "ack_cursor");
    const unlock = request.since === "" ? await this.#lock(reader, context.signal) : () => {};
    this.held += 1;
    try {
      yield* this.#deliver(reader, request, context);
    } finally {
      this.held -= 1;
      unlock();
    }
  }

  async *#deliver(reader: string, request: FetchUnreadRequest, { signal }: CallContext) {
    let at = request.since === "" ? this.positionOf(reader) : offsetOf(request.since, "since");
    const waitMs = Number(request.wait?.seconds ?? 0) * 1000 + (request.wait?.nanos ?? 0) / 1e6;
    const until = performance.now() + waitMs;
    // Other changes wake it too; only a record or the end of the time ends the wait.
    while (at >= this.log.length && performance.now() < until) await this.#woken(signal, until - performance.now());
    let left = request.limit === 0n ? Number.POSITIVE_INFINITY : Number(request.limit);
    let sent = 0;
    if (this.emptyFirst) yield create(FetchUnreadResponseSchema, { cursor: `c${at}` });
    for (;;) {
      if (this.failAfter !== undefined && sent >= this.failAfter.records) {
        if (this.failAfter.error === undefined) return;
        throw this.failAfter.error;
      }
      const from = at;
      at = Math.min(from + Math.min(this.batchSize, left), this.log.length);
      left -= at - from;
      sent += at - from;
      this.sent += at - from;
      const complete = left === 0 || (!request.follow && at >= this.log.length);
      yield create(FetchUnreadResponseSchema, {
        gaps: this.gaps.splice(0),
        records: this.log.slice(from, at).map((json, index) => recordOf(json, from + index)),
        cursor: `c${at}`,
        complete,
      });
      if (complete) break;
      while (request.follow && at >= this.log.length) await this.#woken(signal);
    }
    if (request.ack !== AckMode.LEASE) return;
    while (this.positionOf(reader) < at && !signal.aborted) await this.#woken(signal);
  }

  /** Resolves at the next change. */
  async #woken(signal: AbortSignal, ms = 300_000): Promise<void> {
    const stop = new AbortController();
    const wakeUp = (): void => stop.abort();
    this.#wakeUps.add(wakeUp);
    await sleep(ms, undefined, { signal: AbortSignal.any([signal, stop.signal]) }).catch(() => {});
    this.#wakeUps.delete(wakeUp);
    signal.throwIfAborted();
  }

  async #lock(reader: string, signal: AbortSignal): Promise<() => void> {
    const until = performance.now() + this.lockWaitMs;
    for (;;) {
      const holder = this.#locks.get(reader);
      if (holder === undefined) break;
      const left = until - performance.now();
      if (left <= 0) {
        throw rpcError(Code.Aborted, "READER_BUSY", "another fetch holds the reader", { retryAfterMs: 1500 });
      }
      await Promise.race([holder, sleep(left, undefined, { signal })]);
    }
    let release: () => void = () => {};
    this.#locks.set(reader, new Promise((resolve) => (release = resolve)));
    return () => {
      this.#locks.delete(reader);
      release();
    };
  }
}

function offsetOf(cursor: string, field: string): number {
  const offset = Number(/^c(\d+)$/.exec(cursor)?.[1] ?? Number.NaN);
  if (Number.isNaN(offset)) throw invalidArgument([{ field, problem: "is damaged" }], "INVALID_CURSOR");
  return offset;
}

function recordOf(json: string, offset: number) {
  return create(RecordSchema, {
    source: "quakes",
    id: `q${offset}`,
    partition: 0,
    offset: BigInt(offset),
    ingestedAt: { seconds: 1_700_000_000n, nanos: 123_000_000 },
    payload: { case: "json", value: json },
  });
}

/** A WorkerControl of one source. */
export class FakeIngestor extends FakeService<(typeof WorkerControl)["method"]> {
  started = false;
  /** Ends the streams of WatchStatus with it. */
  failWatch: ((error: unknown) => void) | undefined;
  #changed: (() => void) | undefined;
  readonly contexts: CallContext[] = [];

  constructor() {
    super(WorkerControl);
  }

  #status(changed: boolean) {
    return {
      source: "quakes",
      changed,
      url: "http://api.example/quakes",
      desiredState: this.started ? DesiredState.STARTED : DesiredState.STOPPED,
      actualState: this.started ? ActualState.IDLE : ActualState.STOPPED,
      since: { seconds: 1_700_000_000n, nanos: 0 },
      lastPollLatency: { seconds: 0n, nanos: 250_000_000 },
      recordsTotal: 2n ** 60n,
      polls: 7n,
    };
  }

  #set(started: boolean, sources: readonly string[], context: CallContext) {
    this.contexts.push(context);
    const unknown = sources.find((source) => source !== "quakes");
    if (unknown !== undefined) {
      throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `no source "${unknown}"; known are quakes`);
    }
    const changed = this.started !== started;
    this.started = started;
    this.#changed?.();
    return { sources: [this.#status(changed)] };
  }

  async *#watch(sources: readonly string[], { signal }: CallContext) {
    const unknown = sources.find((source) => source !== "quakes");
    if (unknown !== undefined) throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `no source "${unknown}"`);
    for (;;) {
      yield { sources: [this.#status(false)] };
      await new Promise<void>((resolve, reject) => {
        this.#changed = resolve;
        this.failWatch = reject;
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    }
  }

  protected implementation(): Implementation<(typeof WorkerControl)["method"]> {
    return {
      start: ({ sources }, context) => this.#set(true, sources, context),
      stop: ({ sources }, context) => this.#set(false, sources, context),
      getStatus: () => ({ sources: [this.#status(false)] }),
      watchStatus: ({ sources }, context) => this.#watch(sources, context),
      trySource: ({ source, maxPages, maxRecords }, context) => {
        this.contexts.push(context);
        if (source !== "quakes") throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `no source "${source}"`);
        return {
          records: [{ id: "q1", key: "q1", json: '{"mag":1.50,"n":12345678901234567890}', eventTime: "" }],
          recordsTotal: 1n,
          deadLetters: [{ place: "item 2", reason: "it has no id", raw: Buffer.from('{"mag":2}') }],
          deadLettersTotal: 1n,
          duplicates: BigInt(maxPages * 1000 + maxRecords),
          requests: [{ method: "GET", url: "http://api.example/quakes", status: 200 }],
          nextCursor: "2026",
          pages: 1,
        };
      },
    };
  }
}
