import {
  Code,
  type ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type Interceptor,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { isAbort, toConnectError } from "@apispool/common/errors.js";
import { type HealthState, healthService } from "@apispool/common/health.js";
import { confirmWritten } from "@apispool/common/receipt-http2.js";
import { reflectionService, reflectionServices } from "@apispool/common/reflection.js";
import type { Delivery, Recipient } from "./delivery.js";
import type { Exchange, ServerRequest, ServerResponse } from "./exchange.js";
import type { Upstreams } from "./upstream.js";
import { fromUpstream, reasonOfAbort } from "./upstream-error.js";

export interface ConnectOptions {
  readonly upstreams: Upstreams;
  readonly delivery: Delivery;
  readonly health: HealthState;
  readonly maxBodyBytes: number;
  readonly shutdownSignal: AbortSignal;
  /** The exchange that a request belongs to. */
  readonly exchangeOf: (req: ServerRequest) => Exchange;
  /** Takes every path that is no method of a service. */
  readonly fallback: (req: ServerRequest, res: ServerResponse) => void;
}

const exchangeKey = createContextKey<Exchange | undefined>(undefined);

/** Every service over gRPC, gRPC-Web and Connect; both of the services behind the gateway by handing the calls on. */
export function connectRoutes(options: ConnectOptions): (req: ServerRequest, res: ServerResponse) => void {
  return connectNodeAdapter({
    readMaxBytes: options.maxBodyBytes,
    maxTimeoutMs: 300_000,
    // Compressed requests are read; answers are not compressed, which would cost more than it saves on the way.
    acceptCompression: [compressionGzip],
    compressMinBytes: 0xffffffff,
    shutdownSignal: options.shutdownSignal,
    interceptors: [borders],
    contextValues: (req) => {
      const exchange = options.exchangeOf(req);
      exchange.expectBody();
      return createContextValues().set(exchangeKey, exchange);
    },
    fallback: options.fallback,
    routes: (router) => {
      workerControl(router, options);
      dataReader(router, options);
      router.service(Health, healthService(options.health), { maxTimeoutMs: endless });
      const reflection = reflectionService([WorkerControl, DataReader, Health, ...reflectionServices]);
      for (const service of reflectionServices) router.service(service, reflection);
    },
  });
}

/** The longest deadline that a timer can keep, in milliseconds: for streams that are meant to last. */
const endless = 2 ** 31 - 1;

function exchangeIn({ values }: HandlerContext): Exchange {
  const exchange = values.get(exchangeKey);
  if (exchange === undefined) throw new Error("a call without its exchange");
  return exchange;
}

/** What a call upstream takes over from the call that it serves. */
function handOn(context: HandlerContext) {
  const timeoutMs = context.timeoutMs();
  return {
    signal: context.signal,
    headers: { "x-request-id": exchangeIn(context).requestId },
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs) }),
  };
}

function workerControl(router: ConnectRouter, { upstreams: { ingestor } }: ConnectOptions): void {
  const { client } = ingestor;
  router.service(WorkerControl, {
    start: (request, context) => unary(client.start(request, handOn(context)), context),
    stop: (request, context) => unary(client.stop(request, handOn(context)), context),
    getStatus: (request, context) => unary(client.getStatus(request, handOn(context)), context),
    trySource: (request, context) => unary(client.trySource(request, handOn(context)), context),
  });
  router.rpc(
    WorkerControl.method.watchStatus,
    async function* watchStatus(request, context) {
      try {
        yield* client.watchStatus(request, handOn(context));
      } catch (error) {
        throw fromUpstream(error, ingestor, context.signal);
      }
    },
    { maxTimeoutMs: endless },
  );
  async function unary<T>(call: Promise<T>, { signal }: HandlerContext): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, ingestor, signal);
    }
  }
}

function dataReader(router: ConnectRouter, { upstreams: { reader }, delivery }: ConnectOptions): void {
  const { client } = reader;
  router.service(DataReader, {
    acknowledge: (request, context) => unary(client.acknowledge(request, handOn(context)), context),
    seek: (request, context) => unary(client.seek(request, handOn(context)), context),
    getReader: (request, context) => unary(client.getReader(request, handOn(context)), context),
    listReaders: (request, context) => unary(client.listReaders(request, handOn(context)), context),
    deleteReader: (request, context) => unary(client.deleteReader(request, handOn(context)), context),
  });
  router.rpc(DataReader.method.fetchUnread, (request, context) => delivery.fetch(request, recipientOf(context)), {
    maxTimeoutMs: endless,
  });
  async function unary<T>(call: Promise<T>, { signal }: HandlerContext): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, reader, signal);
    }
  }
}

function recipientOf(context: HandlerContext): Recipient {
  const exchange = exchangeIn(context);
  const { stream } = exchange;
  return {
    signal: context.signal,
    requestId: exchange.requestId,
    timeoutMs: context.timeoutMs(),
    log: exchange.log,
    receipt: (options) => exchange.receipt(options),
    confirmWritten: stream === undefined ? undefined : async () => (await confirmWritten(stream)) === "received",
  };
}

/** No error leaves that says more than it should. */
const borders: Interceptor = (next) => async (request) => {
  const exchange = request.contextValues.get(exchangeKey);
  const guard = (error: unknown): ConnectError => {
    if (isAbort(error) && request.signal.aborted) return reasonOfAbort(request.signal);
    const safe = toConnectError(error);
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
