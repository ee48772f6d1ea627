import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, DescService, Registry } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

const PACKAGE = "connectrpc.conformance.v1";

// What is used of the suite's messages: its descriptors come from its own module when it is run, so no code is generated.
interface Header {
  readonly name: string;
  readonly value: readonly string[];
}
interface WantedError {
  readonly code: Code;
  readonly message?: string;
  readonly details: readonly Any[];
}
interface WantedAnswer {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}
interface WantedOne extends WantedAnswer {
  readonly response:
    | { case: "responseData"; value: Uint8Array }
    | { case: "error"; value: WantedError }
    | { case: undefined };
}
interface WantedMany extends WantedAnswer {
  readonly responseData: readonly Uint8Array[];
  readonly error?: WantedError;
}
interface Request<W> {
  readonly $typeName: string;
  readonly responseDefinition?: W;
  readonly fullDuplex?: boolean;
}

/** The suite's service: answers as each request says, and tells what of the request has come through. */
export function conformanceService(router: ConnectRouter, registry: Registry): void {
  const service = find(registry.getService(`${PACKAGE}.ConformanceService`)) as DescService & {
    method: Record<string, { readonly output: DescMessage }>;
  };
  const infoSchema = find(registry.getMessage(`${PACKAGE}.ConformancePayload.RequestInfo`));
  const message = (typeName: string): DescMessage => find(registry.getMessage(typeName));

  const infoOf = (context: HandlerContext, requests: readonly Request<unknown>[]): Record<string, unknown> => {
    const { searchParams } = new URL(context.url);
    const timeoutMs = context.timeoutMs();
    return {
      requestHeaders: headersOf(context.requestHeader),
      ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
      requests: requests.map((request) => anyPack(message(request.$typeName), request as never)),
      ...(context.requestMethod === "GET"
        ? { connectGetInfo: { queryParams: [...searchParams].map(([name, value]) => ({ name, value: [value] })) } }
        : {}),
    };
  };
  const errorOf = ({ code, message: text, details }: WantedError, info?: Record<string, unknown>): ConnectError => {
    const error = new ConnectError(text ?? "", code);
    error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
    if (info !== undefined) error.details.push({ desc: infoSchema, value: info });
    return error;
  };
  const answerOne = async (
    wanted: WantedOne | undefined,
    context: HandlerContext,
    requests: readonly Request<unknown>[],
  ): Promise<Record<string, unknown>> => {
    begin(wanted, context);
    await sleep(wanted?.responseDelayMs ?? 0);
    const requestInfo = infoOf(context, requests);
    if (wanted?.response.case === "error") throw errorOf(wanted.response.value, requestInfo);
    return {
      payload: { requestInfo, ...(wanted?.response.case === "responseData" ? { data: wanted.response.value } : {}) },
    };
  };
  const unary = async (request: Request<WantedOne>, context: HandlerContext) =>
    answerOne(request.responseDefinition, context, [request]);

  router.service(service, {
    unary,
    idempotentUnary: unary,
    async clientStream(requests: AsyncIterable<Request<WantedOne>>, context: HandlerContext) {
      const all = await collect(requests);
      return answerOne(all[0]?.responseDefinition, context, all);
    },
    async *serverStream(request: Request<WantedMany>, context: HandlerContext) {
      const wanted = request.responseDefinition;
      begin(wanted, context);
      for (const [n, data] of (wanted?.responseData ?? []).entries()) {
        await sleep(wanted?.responseDelayMs ?? 0);
        yield { payload: { data, ...(n === 0 ? { requestInfo: infoOf(context, [request]) } : {}) } };
      }
      if (wanted?.error !== undefined) {
        throw errorOf(wanted.error, wanted.responseData.length === 0 ? infoOf(context, [request]) : undefined);
      }
    },
    async *bidiStream(requests: AsyncIterable<Request<WantedMany>>, context: HandlerContext) {
      let wanted: WantedMany | undefined;
      let given = 0;
      let first = true;
      let seen: Request<WantedMany>[] = [];
      const next = async (info: Record<string, unknown> | undefined) => {
        await sleep(wanted?.responseDelayMs ?? 0);
        const data = wanted?.responseData[given];
        given += 1;
        return { payload: { data, ...(info === undefined ? {} : { requestInfo: info }) } };
      };
      let duplex = false;
      for await (const request of requests) {
        seen.push(request);
        if (first) {
          first = false;
          wanted = request.responseDefinition;
          duplex = request.fullDuplex === true;
          begin(wanted, context);
        }
        if (!duplex) continue;
        if (given >= (wanted?.responseData.length ?? 0)) break;
        const info = given === 0 ? infoOf(context, seen) : { requests: infoOf(context, seen)["requests"] };
        yield await next(info);
        seen = [];
      }
      while (given < (wanted?.responseData.length ?? 0))
        yield await next(given === 0 ? infoOf(context, seen) : undefined);
      if (wanted?.error !== undefined) throw errorOf(wanted.error, given === 0 ? infoOf(context, seen) : undefined);
    },
  } as never);
}

function begin(wanted: WantedAnswer | undefined, { responseHeader, responseTrailer }: HandlerContext): void {
  for (const { name, value } of wanted?.responseHeaders ?? [])
    for (const one of value) responseHeader.append(name, one);
  for (const { name, value } of wanted?.responseTrailers ?? [])
    for (const one of value) responseTrailer.append(name, one);
}

function headersOf(headers: Headers): Header[] {
  return [...headers].map(([name, value]) => ({ name, value: [value] }));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function find<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("the descriptors are not those of the conformance suite");
  return found;
}
