import { setTimeout as sleep } from "node:timers/promises";
import { type DescMethod, type DescService, type Message, type Registry, create } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

// The suite's messages are known by its descriptors only, which it brings itself, so nothing is generated from them.
interface Header {
  readonly name: string;
  readonly value: readonly string[];
}
interface ErrorMessage {
  readonly code: Code;
  readonly message?: string;
  readonly details: readonly Any[];
}
interface UnaryDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly response:
    | { case: "responseData"; value: Uint8Array }
    | { case: "error"; value: ErrorMessage }
    | { case: undefined };
}
interface StreamDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorMessage;
}
interface Request<D> extends Message {
  readonly responseDefinition?: D;
  readonly fullDuplex?: boolean;
}

const pkg = "connectrpc.conformance.v1";

/** The service by which the Connect conformance suite (connectrpc.com/conformance) tests servers, as its documents describe it. */
export class ConformanceService {
  readonly #registry: Registry;
  readonly #service: DescService;

  constructor(registry: Registry) {
    this.#registry = registry;
    const service = registry.getService(`${pkg}.ConformanceService`);
    if (service === undefined) throw new Error("the descriptors have no ConformanceService");
    this.#service = service;
  }

  register(router: ConnectRouter): void {
    const method = (name: string): DescMethod => this.#service.method[name] as DescMethod;
    const implement = (name: string, implementation: unknown): void =>
      void router.rpc(method(name), implementation as never);
    implement("unary", (request: Request<UnaryDefinition>, context: HandlerContext) =>
      this.#one(method("unary"), request.responseDefinition, [request], context),
    );
    implement("idempotentUnary", (request: Request<UnaryDefinition>, context: HandlerContext) =>
      this.#one(method("idempotentUnary"), request.responseDefinition, [request], context),
    );
    implement("clientStream", async (requests: AsyncIterable<Request<UnaryDefinition>>, context: HandlerContext) => {
      const all: Request<UnaryDefinition>[] = [];
      for await (const request of requests) all.push(request);
      return this.#one(method("clientStream"), all[0]?.responseDefinition, all, context);
    });
    implement("serverStream", (request: Request<StreamDefinition>, context: HandlerContext) =>
      this.#all(method("serverStream"), request.responseDefinition, [request], context),
    );
    implement("bidiStream", (requests: AsyncIterable<Request<StreamDefinition>>, context: HandlerContext) =>
      this.#bidi(method("bidiStream"), requests, context),
    );
  }

  async #one(
    method: DescMethod,
    definition: UnaryDefinition | undefined,
    requests: readonly Message[],
    context: HandlerContext,
  ): Promise<Message> {
    if (definition !== undefined) setHeaders(definition, context);
    await sleep(definition?.responseDelayMs ?? 0);
    const requestInfo = this.#info(requests, context);
    const { response } = definition ?? {};
    if (response?.case === "error") throw this.#error(response.value, requestInfo);
    const data = response?.case === "responseData" ? response.value : new Uint8Array();
    return create(method.output, { payload: { data, requestInfo } } as never);
  }

  async *#all(
    method: DescMethod,
    definition: StreamDefinition | undefined,
    requests: readonly Message[],
    context: HandlerContext,
  ): AsyncGenerator<Message> {
    if (definition === undefined) return;
    setHeaders(definition, context);
    let requestInfo: Message | undefined = this.#info(requests, context);
    for (const data of definition.responseData) {
      await sleep(definition.responseDelayMs);
      yield create(method.output, { payload: { data, requestInfo } } as never);
      requestInfo = undefined;
    }
    if (definition.error === undefined) return;
    if (requestInfo !== undefined) await sleep(definition.responseDelayMs);
    throw this.#error(definition.error, requestInfo);
  }

  async *#bidi(
    method: DescMethod,
    requests: AsyncIterable<Request<StreamDefinition>>,
    context: HandlerContext,
  ): AsyncGenerator<Message> {
    const received: Request<StreamDefinition>[] = [];
    let first: Request<StreamDefinition> | undefined;
    let sent = 0;
    for await (const request of requests) {
      first ??= request;
      received.push(request);
      const { responseDefinition: definition, fullDuplex } = first;
      if (fullDuplex !== true || definition === undefined) continue;
      if (sent === 0) setHeaders(definition, context);
      const data = definition.responseData[sent];
      if (data === undefined) break;
      await sleep(definition.responseDelayMs);
      const requestInfo = sent === 0 ? this.#info([request], context) : this.#echo([request]);
      yield create(method.output, { payload: { data, requestInfo } } as never);
      received.length = 0;
      sent += 1;
    }
    const definition = first?.responseDefinition;
    if (definition === undefined) return;
    if (first?.fullDuplex !== true) {
      yield* this.#all(method, definition, received, context);
      return;
    }
    for (const data of definition.responseData.slice(sent)) {
      await sleep(definition.responseDelayMs);
      const requestInfo = sent === 0 ? this.#info(received, context) : undefined;
      yield create(method.output, { payload: { data, requestInfo } } as never);
      sent += 1;
    }
    if (definition.error !== undefined) {
      throw this.#error(definition.error, sent === 0 ? this.#info(received, context) : undefined);
    }
  }

  /** What came, for the suite to compare with what it sent. */
  #info(requests: readonly Message[], context: HandlerContext): Message {
    const timeoutMs = context.timeoutMs();
    const query = new URL(context.url).searchParams;
    return this.#message("ConformancePayload.RequestInfo", {
      requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
      ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(timeoutMs) }),
      requests: requests.map((request) => this.#packed(request)),
      ...(context.requestMethod === "GET"
        ? { connectGetInfo: { queryParams: [...query].map(([name, value]) => ({ name, value: [value] })) } }
        : {}),
    });
  }

  #echo(requests: readonly Message[]): Message {
    return this.#message("ConformancePayload.RequestInfo", {
      requests: requests.map((request) => this.#packed(request)),
    });
  }

  #packed(message: Message): Any {
    const schema = this.#registry.getMessage(message.$typeName);
    if (schema === undefined) throw new Error(`no message ${message.$typeName}`);
    return anyPack(schema, message);
  }

  #message(name: string, fields: Record<string, unknown>): Message {
    const schema = this.#registry.getMessage(`${pkg}.${name}`);
    if (schema === undefined) throw new Error(`no message ${name}`);
    return create(schema, fields as never);
  }

  #error({ code, message, details }: ErrorMessage, requestInfo: Message | undefined): ConnectError {
    const error = new ConnectError(message ?? "", code);
    const all = requestInfo === undefined ? details : [...details, this.#packed(requestInfo)];
    error.details = all.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
    return error;
  }
}

function setHeaders(
  { responseHeaders, responseTrailers }: Pick<UnaryDefinition, "responseHeaders" | "responseTrailers">,
  context: HandlerContext,
): void {
  for (const { name, value } of responseHeaders) for (const one of value) context.responseHeader.append(name, one);
  for (const { name, value } of responseTrailers) for (const one of value) context.responseTrailer.append(name, one);
}
