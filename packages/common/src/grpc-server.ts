import {
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  create,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { Code, ConnectError } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import type http2 from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { StatusSchema } from "@apispool/contracts/google/rpc/status_pb.js";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { isAbort, toConnectError } from "./errors.js";
import { envelopeOf } from "./grpc-envelope.js";
import type { Logger } from "./logger.js";
import type { Span } from "./tracing.js";

/** What every implementation needs of its call; Connect's HandlerContext satisfies it too. */
export interface SignalContext {
  /** Fires when the client cancels, when its deadline passes, and when the server is told to stop at once. */
  readonly signal: AbortSignal;
}

/** What a method is told about its call. */
export interface CallContext extends SignalContext {
  /** The client's `x-request-id`, or a new one; log lines and the upstream calls carry it. */
  readonly requestId: string;
  readonly log: Logger;
  /** The HTTP/2 stream underneath: the only witness of what the client has received. */
  readonly stream: ServerHttp2Stream;
  /** What a trace shows of this call. */
  readonly span?: Span | undefined;
}

/** Told of every call: it begins, and it ends with a status (undefined: OK). */
export type CallObserver = (
  method: DescMethod,
  metadata: grpc.Metadata,
) => { readonly span: Span | undefined; readonly end: (code: Code | undefined) => void };

type Method<M extends GenServiceMethods[string], C> = M["methodKind"] extends "unary"
  ? (
      request: MessageShape<M["input"]>,
      context: C,
    ) => Promise<MessageInitShape<M["output"]>> | MessageInitShape<M["output"]>
  : M["methodKind"] extends "server_streaming"
    ? (request: MessageShape<M["input"]>, context: C) => AsyncIterable<MessageInitShape<M["output"]>>
    : M["methodKind"] extends "bidi_streaming"
      ? (requests: AsyncIterable<MessageShape<M["input"]>>, context: C) => AsyncIterable<MessageInitShape<M["output"]>>
      : never;

/** An implementation of a service's methods, by the names they have in the generated descriptor. */
export type Implementation<T extends GenServiceMethods, C = CallContext> = { readonly [K in keyof T]: Method<T[K], C> };

export interface ServerOptions {
  readonly log: Logger;
  /** Largest request message in bytes. */
  readonly maxRequestBytes?: number;
  /** Fires when calls under way are to end at once. */
  readonly shutdownSignal?: AbortSignal;
  readonly observe?: CallObserver | undefined;
}

const requestIdPattern = /^[\w.:-]{1,128}$/;

/** The client's request id where it is a sane one, else a new one. */
export function requestIdFrom(value: unknown): string {
  return typeof value === "string" && requestIdPattern.test(value) ? value : randomUUID();
}

/** A grpc-js server with limits that suit a service on a network. */
export function createGrpcServer(options: ServerOptions): grpc.Server {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": options.maxRequestBytes ?? 1024 * 1024,
    "grpc.max_send_message_length": -1,
    // The gateway puts the calls of all its clients on one connection. It has a limit for each; this is beyond them.
    "grpc.max_concurrent_streams": 10_000,
  });
  takeCancellations(server);
  return server;
}

/**
 * What the gateway's clients cancel the gateway cancels here, all on one connection: at Node's limit for that one
 * (1000 at once, 33 a second) it would be ended, and with it the calls of everybody else. grpc-js passes no such option on.
 */
function takeCancellations(server: object): void {
  const options = (server as { commonServerOptions?: http2.ServerOptions }).commonServerOptions;
  if (options === undefined) throw new Error("this version of grpc-js keeps the options of its server elsewhere");
  options.streamResetBurst = 100_000;
  options.streamResetRate = 10_000;
}

/** Adds a service to a grpc-js server: protobuf-es descriptors in, protobuf-es messages through, ConnectErrors out. */
export function addService<T extends GenServiceMethods>(
  server: grpc.Server,
  service: GenService<T>,
  implementation: Implementation<T>,
  options: ServerOptions,
): void {
  const definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
  const handlers: Record<string, grpc.UntypedHandleCall> = {};
  for (const method of (service as DescService).methods) {
    definition[method.localName] = methodDefinition(method);
    const implement = implementation[method.localName as keyof T] as AnyMethod;
    const bound: AnyMethod = (input, context) => implement.call(implementation, input, context);
    handlers[method.localName] = handler(method, bound, options);
  }
  server.addService(definition, handlers);
}

type AnyMethod = (input: never, context: CallContext) => unknown;

function methodDefinition(method: DescMethod): grpc.MethodDefinition<unknown, unknown> {
  const read = (schema: DescMessage) => (bytes: Buffer) => fromBinary(schema, bytes);
  const write = (schema: DescMessage) => (init: unknown) => {
    // A message that is already in its wire form is sent as it is.
    if (init instanceof Uint8Array) return init as Buffer;
    const bytes = toBinary(schema, create(schema, init as MessageInitShape<DescMessage>));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: write(method.input),
    requestDeserialize: read(method.input),
    responseSerialize: write(method.output),
    responseDeserialize: read(method.output),
  };
}

function handler(method: DescMethod, implement: AnyMethod, options: ServerOptions): grpc.UntypedHandleCall {
  switch (method.methodKind) {
    case "unary":
      return (call: grpc.ServerUnaryCall<unknown, unknown>, callback: grpc.sendUnaryData<unknown>) => {
        const { context, finish } = openCall(call, method, options);
        Promise.resolve()
          .then(() => implement(call.request as never, context))
          .then(
            (response) => {
              finish();
              callback(null, response);
            },
            (error: unknown) => {
              const status = toStatus(reasonFor(error, context.signal), context.log);
              finish(status.code as number);
              callback(status);
            },
          );
      };
    case "server_streaming":
      return (call: grpc.ServerWritableStream<unknown, unknown>) => {
        void respond(
          call,
          method,
          options,
          (context) => implement(call.request as never, context) as AsyncIterable<unknown>,
        );
      };
    case "bidi_streaming":
      return (call: grpc.ServerDuplexStream<unknown, unknown>) => {
        void respond(call, method, options, (context) => implement(call as never, context) as AsyncIterable<unknown>);
      };
    case "client_streaming":
      throw new Error(`${method.toString()}: client streaming is not used here`);
  }
}

type StreamingCall = grpc.ServerWritableStream<unknown, unknown> | grpc.ServerDuplexStream<unknown, unknown>;

async function respond(
  call: StreamingCall,
  method: DescMethod,
  options: ServerOptions,
  run: (context: CallContext) => AsyncIterable<unknown>,
): Promise<void> {
  const { context, finish } = openCall(call, method, options);
  sendEnvelopesAsTheyAre(call);
  const room = new Room(context.signal);
  let code: Code | undefined;
  try {
    for await (const message of run(context)) {
      if (call.cancelled || context.signal.aborted) break;
      room.take();
      call.write(message, () => room.give());
      await room.free();
    }
    if (context.signal.aborted) throw context.signal.reason;
    // Whose client is gone was not served to its end.
    if (call.cancelled) code = Code.Canceled;
    call.end();
  } catch (error) {
    const status = toStatus(reasonFor(error, context.signal), context.log);
    code = status.code as number;
    call.emit("error", status);
  } finally {
    finish(code);
  }
}

/** What ended a call that was told to end is the reason it was told, not the form in which some API repeats it. */
function reasonFor(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && isAbort(error) ? signal.reason : error;
}

/** Messages of one call that may wait to be written. grpc-js would take sixteen, however large they are. */
const MOST_UNWRITTEN = 3;

/** How many messages of a call are under way. */
class Room {
  readonly #signal: AbortSignal;
  #unwritten = 0;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  take(): void {
    this.#unwritten += 1;
  }

  give(): void {
    this.#unwritten -= 1;
    this.#wake?.();
  }

  /** Resolves when the call takes more, or is over. */
  async free(): Promise<void> {
    if (this.#unwritten < MOST_UNWRITTEN || this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#wake = undefined;
        this.#signal.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      this.#signal.addEventListener("abort", done);
    });
  }
}

/** What every kind of server call has. */
type AnyCall = Pick<grpc.ServerUnaryCall<unknown, unknown>, "metadata" | "cancelled" | "getDeadline"> & {
  on(event: "cancelled", listener: () => void): unknown;
};

function openCall(
  call: AnyCall,
  method: DescMethod,
  options: ServerOptions,
): { context: CallContext; finish: (code?: Code) => void } {
  const requestId = requestIdFrom(call.metadata.get("x-request-id")[0]);
  const log = options.log.child({ requestId, method: method.name });
  const controller = new AbortController();
  const cancel = (): void => {
    const late = deadlineOf(call) <= Date.now();
    controller.abort(
      new ConnectError(
        late ? "the deadline passed" : "the client cancelled",
        late ? Code.DeadlineExceeded : Code.Canceled,
      ),
    );
  };
  const shutdown = (): void => controller.abort(options.shutdownSignal?.reason);
  call.on("cancelled", cancel);
  if (call.cancelled) cancel();
  if (options.shutdownSignal?.aborted === true) shutdown();
  options.shutdownSignal?.addEventListener("abort", shutdown);
  const observed = options.observe?.(method, call.metadata);
  return {
    context: { signal: controller.signal, requestId, log, stream: http2StreamOf(call), span: observed?.span },
    finish(code) {
      options.shutdownSignal?.removeEventListener("abort", shutdown);
      observed?.end(code);
    },
  };
}

function deadlineOf(call: AnyCall): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

/**
 * grpc-js does not show its HTTP/2 stream, and without it nobody can tell a response that was received from one that
 * was merely written. The version is pinned; this is the one place that looks inside.
 */
function http2StreamOf(call: object): ServerHttp2Stream {
  const stream = (call as { call?: { stream?: ServerHttp2Stream } }).call?.stream;
  if (stream === undefined) throw new Error("this version of grpc-js keeps its HTTP/2 stream elsewhere");
  return stream;
}

/** grpc-js copies every message into an envelope; one that stands in its envelope already need not be. */
function sendEnvelopesAsTheyAre(call: object): void {
  const inner = (call as { call?: { serializeMessage?: (message: unknown) => Buffer } }).call;
  const serialize = inner?.serializeMessage?.bind(inner);
  if (inner === undefined || serialize === undefined)
    throw new Error("this version of grpc-js writes messages elsewhere");
  inner.serializeMessage = (message) => envelopeOf(message) ?? serialize(message);
}

/** A grpc-js status with the details of the error as google.rpc.Status in `grpc-status-details-bin`. */
export function toStatus(thrown: unknown, log: Logger): Partial<grpc.StatusObject> & { name: string; message: string } {
  const error = toConnectError(thrown);
  if (error.code === Code.Internal || error.code === Code.Unknown)
    log.error({ err: error.cause ?? error }, "call failed");
  const metadata = new grpc.Metadata();
  const details: Any[] = [];
  for (const detail of error.details) {
    if ("desc" in detail) details.push(anyPack(detail.desc, create(detail.desc, detail.value)));
    else
      details.push({
        $typeName: "google.protobuf.Any",
        typeUrl: `type.googleapis.com/${detail.type}`,
        value: detail.value,
      });
  }
  if (details.length > 0) {
    const status = create(StatusSchema, { code: error.code, message: error.rawMessage, details });
    metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  }
  return {
    name: "Error",
    code: error.code as number,
    details: error.rawMessage,
    message: error.rawMessage,
    metadata,
  };
}

/** Binds a server to an address, and tells the port it got; in cleartext unless there are credentials. */
export function listen(
  server: grpc.Server,
  address: string,
  credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
