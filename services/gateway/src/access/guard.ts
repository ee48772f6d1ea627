import { create, fromBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, type Client, ConnectError } from "@connectrpc/connect";
import { CursorSchema } from "@apispool/contracts/apispool/internal/v1/cursor_pb.js";
import {
  DataReader,
  type FetchUnreadRequest,
  FetchUnreadRequestSchema,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import {
  FreshnessSchema,
  type GetStoreStatusResponse,
  GetStoreStatusResponseSchema,
  RecordFilterSchema,
  RecordStore,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { reasonOf, rpcError } from "@apispool/common/errors.js";
import type { Batch } from "../batch.js";
import type { Fetching, Recipient } from "../delivery.js";
import type { Upstream, Upstreams } from "../upstream.js";
import type { Audit } from "./audit.js";
import { denied, rateLimited, unauthenticated } from "./errors.js";
import { type Permissions, mayCall, mayUseReader, mayUseSource } from "./permissions.js";
import { type Caller, type Principal, currentCaller } from "./principal.js";
import type { RateLimiter } from "./rate-limiter.js";

export interface GuardOptions {
  readonly audit: Audit;
  /** How often a client may call what changes something; undefined: as often as it likes. */
  readonly controlLimit: RateLimiter | undefined;
}

/** A request message of any method, as far as this has to know it. */
interface AnyRequest {
  readonly reader?: string;
  readonly source?: string;
  readonly sources?: readonly string[];
  readonly filter?: { readonly sources: readonly string[] } | undefined;
  readonly cursor?: string;
  readonly ackCursor?: string;
  readonly since?: string;
  readonly to?: { readonly case?: string | undefined; readonly value?: unknown };
}

/** What is written to the audit log whatever comes of it. */
const audited: ReadonlySet<string> = new Set([
  "WorkerControl/Start",
  "WorkerControl/Stop",
  "WorkerControl/TrySource",
  "DataReader/Seek",
  "DataReader/DeleteReader",
  "RecordStore/RebuildStore",
]);

interface Named {
  readonly reader?: true;
  readonly sources?: true;
  /** The sources are in `filter`. */
  readonly filter?: true;
  readonly answerOnly?: true;
  /** It is about all sources at once. */
  readonly everySource?: true;
}

/** What a method's requests name; a method that is not here is refused to everybody whose permissions are limited. */
const names: Readonly<Record<string, Named>> = {
  "DataReader/FetchUnread": { reader: true, sources: true },
  "DataReader/Acknowledge": { reader: true },
  "DataReader/Seek": { reader: true, sources: true },
  "DataReader/GetReader": { reader: true },
  "DataReader/ListReaders": {},
  "DataReader/DeleteReader": { reader: true },
  "DataReader/ListDeadLetters": { sources: true },
  "WorkerControl/Start": { sources: true },
  "WorkerControl/Stop": { sources: true },
  // Asked for all, the ingestor is asked for all, and what may not be seen is taken out of the answer.
  "WorkerControl/GetStatus": { sources: true, answerOnly: true },
  "WorkerControl/WatchStatus": { sources: true, answerOnly: true },
  "WorkerControl/TrySource": {},
  "RecordStore/Query": { sources: true, filter: true },
  "RecordStore/Count": { sources: true, filter: true },
  "RecordStore/Get": { sources: true },
  "RecordStore/GetStoreStatus": { answerOnly: true },
  "RecordStore/RebuildStore": { everySource: true },
};

/**
 * The one place where permissions are checked: on the typed message on its way to a service, so it makes no difference by which
 * protocol it came. Whoever is not inside a request ({@link currentCaller}) is refused.
 */
export class Guard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The same services, but that every call is checked, and every answer shows only what may be seen. */
  upstreams({ ingestor, reader, store }: Upstreams): Upstreams {
    return {
      ingestor: this.#guarded(WorkerControl, ingestor, ingestor.client),
      reader: this.#guarded(DataReader, reader, ingestor.client),
      store: this.#guarded(RecordStore, store, ingestor.client),
    };
  }

  /** The same fetches, checked. */
  fetching(delivery: Fetching): Fetching {
    return {
      fetch: (request, recipient) => {
        const { principal } = this.#admit("DataReader/FetchUnread", request);
        const { permissions } = principal;
        const narrowed = narrowedSources(permissions, request.sources, "DataReader/FetchUnread");
        const asked =
          narrowed === undefined ? request : create(FetchUnreadRequestSchema, { ...request, sources: [...narrowed] });
        return this.#handedOut(delivery, asked, recipient, principal);
      },
    };
  }

  async *#handedOut(
    delivery: Fetching,
    request: FetchUnreadRequest,
    recipient: Recipient,
    { permissions, valid }: Principal,
  ): AsyncGenerator<Batch, void, undefined> {
    try {
      for await (const batch of delivery.fetch(request, recipient)) {
        if (!valid()) throw withdrawn();
        yield batch;
      }
    } catch (error) {
      throw withoutNames(error, permissions);
    }
  }

  #guarded<S extends DescService>(
    service: S,
    upstream: Upstream<S>,
    ingestor: Client<typeof WorkerControl>,
  ): Upstream<S> {
    const raw = upstream.client as Record<string, (request: unknown, options?: CallOptions) => unknown>;
    const client = Object.fromEntries(
      service.methods.map((method) => {
        const name = `${service.name}/${method.name}`;
        const forward = (request: unknown, options?: CallOptions): unknown => raw[method.localName]?.(request, options);
        if (method.methodKind === "unary") {
          return [
            method.localName,
            async (init: unknown, options?: CallOptions) =>
              this.#unary(name, messageOf(method, init), options, forward, ingestor),
          ];
        }
        return [
          method.localName,
          (init: unknown, options?: CallOptions) => this.#stream(name, messageOf(method, init), options, forward),
        ];
      }),
    ) as Client<S>;
    return {
      ...upstream,
      client,
      openStream: () => {
        throw new Error("records are fetched through Guard.fetching");
      },
    };
  }

  async #unary(
    method: string,
    request: AnyRequest,
    options: CallOptions | undefined,
    forward: (request: unknown, options?: CallOptions) => unknown,
    ingestor: Client<typeof WorkerControl>,
  ): Promise<unknown> {
    const caller = this.#admit(method, request);
    const { permissions } = caller.principal;
    try {
      const asked = await this.#narrow(method, request, permissions, options, ingestor);
      const answer = visible(await forward(asked, options), permissions, method);
      this.#note(caller, method, request, "ok");
      return answer;
    } catch (error) {
      this.#note(caller, method, request, error instanceof ConnectError ? Code[error.code] : "Failed");
      throw withoutNames(error, permissions);
    }
  }

  async *#stream(
    method: string,
    request: AnyRequest,
    options: CallOptions | undefined,
    forward: (request: unknown, options?: CallOptions) => unknown,
  ): AsyncGenerator {
    const caller = this.#admit(method, request);
    const { permissions, valid } = caller.principal;
    const narrowed = narrowedSources(permissions, sourcesOf(request), method);
    // FetchUnread by way of the client would get past narrowing only if it were forgotten here.
    const asked = narrowed === undefined || names[method]?.answerOnly ? request : ofSources(method, request, narrowed);
    let first = true;
    try {
      for await (const message of forward(asked, options) as AsyncIterable<unknown>) {
        if (!valid()) throw withdrawn();
        if (first) this.#note(caller, method, request, "ok");
        const seen = visible(message, permissions, method) as { sources?: readonly unknown[] };
        // The first message tells who is there, be that nobody; later ones that tell nothing are nobody's business.
        if (!first && seen.sources?.length === 0) continue;
        first = false;
        yield seen;
      }
    } catch (error) {
      if (first) this.#note(caller, method, request, error instanceof ConnectError ? Code[error.code] : "Failed");
      throw withoutNames(error, permissions);
    }
  }

  /** Throws UNAUTHENTICATED, PERMISSION_DENIED or RESOURCE_EXHAUSTED. */
  #admit(method: string, request: AnyRequest): Caller & { readonly principal: Principal } {
    const caller = currentCaller();
    if (caller?.principal === undefined) throw unauthenticated("this call needs to know who is calling");
    const { principal } = caller;
    try {
      if (!principal.valid()) throw withdrawn();
      check(principal.permissions, method, request);
      const limit = audited.has(method) ? this.#options.controlLimit : undefined;
      const standing = limit?.take(clientOf(caller));
      if (standing?.taken === false) {
        throw rateLimited("too many calls that control something; slow down", standing.retryAfterMs);
      }
    } catch (error) {
      this.#write(caller, method, request, Code[(error as ConnectError).code]);
      throw error;
    }
    return { ...caller, principal };
  }

  #note(caller: Caller, method: string, request: AnyRequest, outcome: string): void {
    if (audited.has(method)) this.#write(caller, method, request, outcome);
  }

  #write(caller: Caller, method: string, request: AnyRequest, outcome: string): void {
    const { source, sources = source === undefined ? undefined : [source] } = request;
    this.#options.audit.write(caller, {
      what: method,
      outcome,
      ...(names[method]?.reader === true ? { reader: readerOf(request).slice(0, 200) } : {}),
      ...(sources === undefined ? {} : { sources: sources.slice(0, 20).map((name) => name.slice(0, 200)) }),
    });
  }

  /** The request with "all sources" put as those that are permitted. */
  async #narrow(
    method: string,
    request: AnyRequest,
    permissions: Permissions,
    options: CallOptions | undefined,
    ingestor: Client<typeof WorkerControl>,
  ): Promise<AnyRequest> {
    const { sources } = permissions;
    const named = names[method];
    const some = named?.filter === true || request.sources !== undefined;
    if (sources === undefined || !some || named?.answerOnly) return request;
    // Seek: these say it themselves, and have been checked.
    if (request.to?.case === "cursor" || request.to?.case === "offsets") return request;
    const narrowed = narrowedSources(permissions, sourcesOf(request), method);
    if (narrowed === undefined) return request;
    if (!method.startsWith("WorkerControl/") || sourcesOf(request).length > 0) {
      return ofSources(method, request, narrowed);
    }
    const { sources: all } = await ingestor.getStatus({}, options);
    const there = all.map(({ source }) => source).filter((source) => narrowed.includes(source));
    if (there.length === 0) throw unknownSource(permissions);
    return { ...request, sources: there };
  }
}

/** Who is counted together: a principal, or, where nobody was asked, an address. */
export function clientOf({ principal, from }: Caller): string {
  return principal === undefined || principal.how === "none" ? `address ${from}` : `${principal.how} ${principal.name}`;
}

function messageOf(method: DescMethod, init: unknown): AnyRequest {
  return create(method.input, init as MessageShape<DescMessage>) as unknown as AnyRequest;
}

function readerOf({ reader = "" }: AnyRequest): string {
  return reader === "" ? "default" : reader;
}

/** The sources that a request names in a list. */
function sourcesOf({ sources = [], filter }: AnyRequest): readonly string[] {
  return filter === undefined ? sources : filter.sources;
}

/** The same request about these sources. */
function ofSources(method: string, request: AnyRequest, sources: readonly string[]): AnyRequest {
  if (names[method]?.filter !== true) return { ...request, sources: [...sources] };
  const filter = { ...(request.filter ?? create(RecordFilterSchema)), sources: [...sources] };
  return { ...request, filter };
}

/** Throws PERMISSION_DENIED, with what would be permitted. */
function check(permissions: Permissions, method: string, request: AnyRequest): void {
  if (!mayCall(permissions, method)) {
    const allowed = [...(permissions.methods ?? [])].sort().join(", ");
    throw denied(`${method} is not permitted; permitted are ${allowed === "" ? "no calls at all" : allowed}`);
  }
  const named = names[method];
  if (named === undefined) {
    if (permissions.readers !== undefined || permissions.sources !== undefined) {
      throw denied(`${method} is not permitted to who may not use every reader and source`);
    }
    return;
  }
  if (named.reader === true && !readsPastReaders(method, request)) checkReader(permissions, readerOf(request));
  if (permissions.sources === undefined) return;
  if (named.everySource === true) throw denied(`${method} is not permitted to who may not use every source`);
  const { to } = request;
  const cursors = [request.cursor, request.ackCursor, request.since, to?.case === "cursor" ? to.value : undefined];
  const offsets = to?.case === "offsets" ? (to.value as { positions: readonly { source: string }[] }).positions : [];
  const sources = [
    ...sourcesOf(request),
    ...(request.source === undefined ? [] : [request.source]),
    ...offsets.map(({ source }) => source),
    ...cursors.flatMap((cursor) => (typeof cursor === "string" ? sourcesIn(cursor) : [])),
  ];
  if (sources.some((source) => !mayUseSource(permissions, source))) throw deniedSource(permissions);
}

/** A fetch from a place in the log under no reader's name moves nobody, and tells of nobody. */
function readsPastReaders(method: string, { reader = "", since = "", ackCursor = "" }: AnyRequest): boolean {
  return method === "DataReader/FetchUnread" && reader === "" && since !== "" && ackCursor === "";
}

function checkReader(permissions: Permissions, name: string): void {
  if (mayUseReader(permissions, name)) return;
  const { readers = [] } = permissions;
  throw denied(
    readers.length === 0
      ? "no reader is permitted"
      : `this reader is not permitted; permitted are names that begin with ${readers.map((prefix) => `"${prefix}"`).join(", ")}`,
  );
}

function deniedSource({ sources = [] }: Permissions): ConnectError {
  return denied(
    sources.length === 0 ? "no source is permitted" : `a source is not permitted; permitted are ${sources.join(", ")}`,
  );
}

/** The sources to ask for; undefined where every one is permitted. Throws PERMISSION_DENIED where none is. */
function narrowedSources(
  permissions: Permissions,
  asked: readonly string[],
  method: string,
): readonly string[] | undefined {
  const { sources } = permissions;
  if (sources === undefined) return undefined;
  if (sources.length === 0 && names[method]?.answerOnly !== true) throw deniedSource(permissions);
  return asked.length > 0 ? asked : sources;
}

/** How many bytes of a cursor are its checksum; services/reader/src/cursor.ts. */
const cursorCheckBytes = 6;

/** The sources that a cursor speaks of. Whoever can read more out of it than this finds it damaged. */
function sourcesIn(cursor: string): string[] {
  if (!/^[\w-]+$/.test(cursor)) return [];
  try {
    const bytes = Buffer.from(cursor, "base64url").subarray(cursorCheckBytes);
    return fromBinary(CursorSchema, bytes).positions.map(({ source }) => source);
  } catch {
    return [];
  }
}

interface AnyReader {
  readonly name: string;
  readonly positions: readonly { readonly source: string }[];
}

/** Of an answer what may be seen. Throws PERMISSION_DENIED where that is nothing. */
function visible(answer: unknown, permissions: Permissions, method: string): unknown {
  if (permissions.readers === undefined && permissions.sources === undefined) return answer;
  const message = answer as {
    readers?: readonly AnyReader[];
    reader?: AnyReader;
    sources?: readonly { source: string }[];
    deadLetters?: readonly { source: string }[];
    positions?: readonly { source: string }[];
  };
  if (method === "RecordStore/GetStoreStatus" && permissions.sources !== undefined) {
    return visibleStatus(answer as GetStoreStatusResponse, permissions);
  }
  const may = ({ source }: { readonly source: string }): boolean => mayUseSource(permissions, source);
  // A reader's counts are of all that it reads: who may not know of a part of that may not know them.
  const mayReader = ({ name, positions }: AnyReader): boolean =>
    mayUseReader(permissions, name) && positions.every(may);
  if (method === "DataReader/GetReader" && message.reader !== undefined && !mayReader(message.reader)) {
    throw denied(
      "this reader reads sources, too, that are not permitted; only somebody who may use them all may see it",
    );
  }
  return {
    ...message,
    ...(message.readers === undefined ? {} : { readers: message.readers.filter(mayReader) }),
    ...(message.sources === undefined ? {} : { sources: message.sources.filter(may) }),
    ...(message.deadLetters === undefined ? {} : { deadLetters: message.deadLetters.filter(may) }),
    ...(message.positions === undefined ? {} : { positions: message.positions.filter(may) }),
  };
}

/** How far the store is behind as a whole tells of sources that may not be known: it is put as that of those that may. */
function visibleStatus(status: GetStoreStatusResponse, permissions: Permissions): GetStoreStatusResponse {
  const sources = status.sources.filter(({ source }) => mayUseSource(permissions, source));
  const behind = sources.filter(({ freshness }) => (freshness?.behind ?? 0n) > 0n);
  const [oldest] = behind
    .flatMap(({ freshness }) => freshness?.completeUntil ?? [])
    .toSorted((a, b) => timestampMs(a) - timestampMs(b));
  const removed = sources.flatMap(({ freshness }) => freshness?.removedBefore ?? []);
  const [removedBefore] = removed.toSorted((a, b) => timestampMs(b) - timestampMs(a));
  const { kind, freshness } = status;
  const seen = create(GetStoreStatusResponseSchema, { kind, sources });
  if (freshness !== undefined) {
    const sum = behind.reduce((all, source) => all + (source.freshness?.behind ?? 0n), 0n);
    seen.freshness = create(FreshnessSchema, {
      behind: sum,
      ...(oldest === undefined ? {} : { completeUntil: oldest }),
      ...(freshness.checkedAt === undefined ? {} : { checkedAt: freshness.checkedAt }),
      ...(removedBefore === undefined ? {} : { removedBefore }),
    });
  }
  return seen;
}

/** What a service says of an unknown source names the known ones. */
function withoutNames(error: unknown, permissions: Permissions): unknown {
  if (permissions.sources === undefined || !(error instanceof ConnectError)) return error;
  return reasonOf(error) === "UNKNOWN_SOURCE" ? unknownSource(permissions) : error;
}

function unknownSource({ sources = [] }: Permissions): ConnectError {
  const text = `there is no such source; permitted are ${sources.join(", ")}, as far as they are there`;
  return rpcError(Code.NotFound, "UNKNOWN_SOURCE", text);
}

function withdrawn(): ConnectError {
  return unauthenticated("the key or token that this began with has expired, was withdrawn or got other permissions");
}
