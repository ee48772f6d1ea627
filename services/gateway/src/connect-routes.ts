import { type Registry, create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type Interceptor,
  createConnectRouter,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { DataReader, FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { isAbort, toConnectError } from "@apispool/common/errors.js";
import { type HealthState, healthService } from "@apispool/common/health.js";
import { reflectionService, reflectionServices } from "@apispool/common/reflection.js";
import type { Fetching, Recipient } from "./delivery.js";
import { connectAdapter } from "./connect-adapter.js";
import type { Exchange } from "./exchange.js";
import type { Upstreams } from "./upstream.js";
import { fromUpstream, reasonOfAbort } from "./upstream-error.js";

/** How calls are served, whatever they are. */
export interface CallOptions {
  readonly maxBodyBytes: number;
  readonly jsonDepth: number;
  readonly shutdownSignal: AbortSignal;
  /** How long a client may take no byte of an answer, in milliseconds. */
  readonly stallTimeoutMs: number;
  /** Takes every path that is no method of a service. */
  readonly fallback: (exchange: Exchange) => void;
  /** Types that JSON's google.protobuf.Any may hold; those of errors' details it knows without. */
  readonly registry?: Registry | undefined;
}

export interface ConnectOptions extends CallOptions {
  readonly upstreams: Upstreams;
  readonly delivery: Fetching;
  readonly health: HealthState;
  /** How long a service may take over its answer where the client has set no deadline, in milliseconds. */
  readonly answerTimeoutMs: number;
}

const exchangeKey = createContextKey<Exchange | undefined>(undefined);

/** Every service over gRPC, gRPC-Web and Connect; the services behind the gateway by handing the calls on. */
export function connectRoutes(options: ConnectOptions): (exchange: Exchange) => void {
  return callRoutes(options, (router) => {
    workerControl(router, options);
    dataReader(router, options);
    recordStore(router, options);
    router.service(Health, healthService(options.health));
    const reflection = reflectionService([WorkerControl, DataReader, RecordStore, Health, ...reflectionServices]);
    for (const service of reflectionServices) router.service(service, reflection);
  });
}

/** What `register` puts on the router over gRPC, gRPC-Web and Connect: the set-up that the conformance suite is run against. */
export function callRoutes(
  options: CallOptions,
  register: (router: ConnectRouter) => void,
): (exchange: Exchange) => void {
  const router = createConnectRouter({
    readMaxBytes: options.maxBodyBytes,
    maxTimeoutMs: endless,
    // Compressed requests are read; answers are not compressed, which would cost more than it saves on the way.
    acceptCompression: [compressionGzip],
    compressMinBytes: 0xffffffff,
    shutdownSignal: options.shutdownSignal,
    interceptors: [borders],
    ...(options.registry === undefined ? {} : { jsonOptions: { registry: options.registry } }),
  });
  register(router);
  return connectAdapter({
    router,
    contextValuesOf: (exchange) => {
      exchange.expectBody();
      return createContextValues().set(exchangeKey, exchange);
    },
    stallTimeoutMs: options.stallTimeoutMs,
    bodyLimits: { maxBytes: options.maxBodyBytes, jsonDepth: options.jsonDepth },
    fallback: options.fallback,
  });
}

/** The longest deadline that a timer can keep, in milliseconds. A client that sets none may wait longer still. */
const endless = 2 ** 31 - 1;

function exchangeIn({ values }: HandlerContext): Exchange {
  const exchange = values.get(exchangeKey);
  if (exchange === undefined) throw new Error("a call without its exchange");
  return exchange;
}

/** What a call upstream takes over from the call that it serves. */
function handOn(context: HandlerContext, answerTimeoutMs?: number) {
  const timeoutMs = context.timeoutMs() ?? answerTimeoutMs;
  return {
    signal: context.signal,
    headers: { "x-request-id": exchangeIn(context).requestId },
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs) }),
  };
}

function workerControl(router: ConnectRouter, { upstreams: { ingestor }, answerTimeoutMs }: ConnectOptions): void {
  const { client } = ingestor;
  router.service(WorkerControl, {
    start: (request, context) => unary(client.start(request, handOn(context, answerTimeoutMs)), context),
    stop: (request, context) => unary(client.stop(request, handOn(context, answerTimeoutMs)), context),
    getStatus: (request, context) => unary(client.getStatus(request, handOn(context, answerTimeoutMs)), context),
    trySource: (request, context) => unary(client.trySource(request, handOn(context, answerTimeoutMs)), context),
  });
  router.rpc(WorkerControl.method.watchStatus, async function* watchStatus(request, context) {
    try {
      yield* client.watchStatus(request, handOn(context));
    } catch (error) {
      throw fromUpstream(error, ingestor, context.signal);
    }
  });
  async function unary<T>(call: Promise<T>, { signal }: HandlerContext): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, ingestor, signal);
    }
  }
}

/** Stands for a message that is forwarded as it came. */
const blank = create(FetchUnreadResponseSchema);

function dataReader(router: ConnectRouter, { upstreams: { reader }, delivery, answerTimeoutMs }: ConnectOptions): void {
  const { client } = reader;
  router.service(DataReader, {
    acknowledge: (request, context) => unary(client.acknowledge(request, handOn(context, answerTimeoutMs)), context),
    seek: (request, context) => unary(client.seek(request, handOn(context, answerTimeoutMs)), context),
    getReader: (request, context) => unary(client.getReader(request, handOn(context, answerTimeoutMs)), context),
    listReaders: (request, context) => unary(client.listReaders(request, handOn(context, answerTimeoutMs)), context),
    deleteReader: (request, context) => unary(client.deleteReader(request, handOn(context, answerTimeoutMs)), context),
    listDeadLetters: (request, context) =>
      unary(client.listDeadLetters(request, handOn(context, answerTimeoutMs)), context),
  });
  router.rpc(DataReader.method.fetchUnread, async function* fetchUnread(request, context) {
    const exchange = exchangeIn(context);
    // Only who is to get JSON needs the records decoded.
    const json = (exchange.req.headers["content-type"] ?? "").includes("json");
    for await (const batch of delivery.fetch(request, recipientOf(context))) {
      if (json) yield batch.decoded();
      else {
        exchange.forward(batch.envelope);
        yield blank;
      }
    }
  });
  async function unary<T>(call: Promise<T>, { signal }: HandlerContext): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, reader, signal);
    }
  }
}

function recordStore(router: ConnectRouter, { upstreams: { store }, answerTimeoutMs }: ConnectOptions): void {
  const { client } = store;
  router.service(RecordStore, {
    get: (request, context) => unary(client.get(request, handOn(context, answerTimeoutMs)), context),
    count: (request, context) => unary(client.count(request, handOn(context, answerTimeoutMs)), context),
    getStoreStatus: (request, context) =>
      unary(client.getStoreStatus(request, handOn(context, answerTimeoutMs)), context),
    query: (request, context) => streamed(client.query(request, handOn(context)), context),
    rebuildStore: (request, context) => streamed(client.rebuildStore(request, handOn(context)), context),
  });
  async function unary<T>(call: Promise<T>, { signal }: HandlerContext): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, store, signal);
    }
  }
  async function* streamed<T>(messages: AsyncIterable<T>, { signal }: HandlerContext): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (error) {
      throw fromUpstream(error, store, signal);
    }
  }
}

function recipientOf(context: HandlerContext): Recipient {
  const exchange = exchangeIn(context);
  return {
    signal: context.signal,
    requestId: exchange.requestId,
    room: exchange.room,
    timeoutMs: context.timeoutMs(),
    log: exchange.log,
    receipt: (options) => exchange.receipt(options),
    confirmWritten: exchange.confirmWritten,
  };
}

/** connect-node calls a client's own reset INTERNAL where its code is no CANCEL; nothing went wrong on this side. */
function isClientReset({ code, rawMessage, isWireError }: ConnectError): boolean {
  return code === Code.Internal && !isWireError && rawMessage.startsWith("http/2 stream closed with error code");
}

/** No error leaves that says more than it should. */
const borders: Interceptor = (next) => async (request) => {
  const exchange = request.contextValues.get(exchangeKey);
  const guard = (error: unknown): ConnectError => {
    const safe = guarding(error);
    if (exchange !== undefined) exchange.rpcCode = safe.code;
    return safe;
  };
  const guarding = (error: unknown): ConnectError => {
    if (isAbort(error) && request.signal.aborted) return reasonOfAbort(request.signal);
    const safe = toConnectError(error);
    if (isClientReset(safe)) return new ConnectError("the client went away", Code.Canceled, undefined, undefined, safe);
    if (safe.code === Code.Internal) exchange?.log.error({ err: safe.cause ?? safe }, "call failed");
    return safe;
  };
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: guarded(response.message, guard) } : response;
  } catch (error) {
    throw guard(error);
  }
};

async function* guarded<T>(messages: AsyncIterable<T>, guard: (error: unknown) => ConnectError): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw guard(error);
  }
}
