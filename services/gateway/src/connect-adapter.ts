import { Code, ConnectError, type ConnectRouter, type ContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { describeError } from "@apispool/common/errors.js";
import type { Exchange, ServerRequest } from "./exchange.js";
import { type BodyLimits, limitedBody } from "./limits/request-body.js";
import { httpError } from "./problem.js";
import { cutOff, fail } from "./router.js";
import { end, write } from "./write.js";

export interface AdapterOptions {
  readonly router: ConnectRouter;
  readonly contextValuesOf: (exchange: Exchange) => ContextValues;
  /** How long a client may take no byte of an answer, in milliseconds. */
  readonly stallTimeoutMs: number;
  readonly bodyLimits: BodyLimits;
  /** Takes every path that is no method of a service. */
  readonly fallback: (exchange: Exchange) => void;
}

/**
 * Serves Connect's handlers on Node. Instead of connectNodeAdapter, which tells every client that goes away on
 * console.error, knows no limit for one that takes nothing, and waits for ever where a connection closes under a write.
 */
export function connectAdapter(options: AdapterOptions): (exchange: Exchange) => void {
  const handlers = new Map(options.router.handlers.map((handler) => [handler.requestPath, handler]));
  return (exchange) => {
    const { req, res } = exchange;
    const handler = handlers.get((req.url ?? "").split("?", 1)[0] ?? "");
    if (handler === undefined) {
      options.fallback(exchange);
      return;
    }
    const body = bodyOf(req);
    let request: UniversalServerRequest;
    try {
      request = universalRequestFromNodeRequest(req, res, undefined, options.contextValuesOf(exchange));
    } catch (error) {
      // Connect makes a URL of the host.
      exchange.log.debug({ err: describeError(error) }, "request without a usable host");
      fail(exchange, httpError(400, "host", "is missing or no host name", { connection: "close" }));
      return;
    }
    void answer(exchange, handler, limitedRequest(request, body, options.bodyLimits), options.stallTimeoutMs).then(() =>
      leave(req, body),
    );
  };
}

/**
 * A request's body. Not as Connect reads it: whoever stops reading that destroys it, and over HTTP/1.1 nothing more is read from its
 * connection then. Throws CANCELLED where the client goes before it has sent all.
 */
async function* bodyOf(req: ServerRequest): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* req.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new ConnectError("the client went away", Code.Canceled, undefined, undefined, error);
  }
}

/** Throws away what of a request is still coming in: the client's next one may stand behind it. REQUEST_TIMEOUT bounds it. */
async function leave(req: ServerRequest, body: ReturnType<typeof bodyOf>): Promise<void> {
  try {
    await body.return();
  } catch {
    // The client went away while it was sending.
  }
  if (!req.complete) req.resume();
}

/** The request with a body that keeps the limits, and is not compressed any more. */
function limitedRequest(
  request: UniversalServerRequest,
  body: AsyncIterable<Uint8Array>,
  limits: BodyLimits,
): UniversalServerRequest {
  if (request.method !== "POST") return { ...request, body };
  const { header } = request;
  const type = header.get("content-type") ?? "";
  const unary = /^application\/(?:json|proto)\b/.test(type);
  const coding = header.get(
    unary ? "content-encoding" : type.startsWith("application/connect") ? "connect-content-encoding" : "grpc-encoding",
  );
  const form = { enveloped: !unary, json: /\bjson\b/.test(type), coding };
  if (unary && coding === "gzip") {
    header.delete("content-encoding");
    header.delete("content-length");
  }
  return { ...request, body: limitedBody(body, form, limits) };
}

/** Never rejects. */
async function answer(
  exchange: Exchange,
  handler: UniversalHandler,
  request: UniversalServerRequest,
  stallTimeoutMs: number,
): Promise<void> {
  let response: UniversalServerResponse;
  try {
    response = await handler(request);
  } catch (error) {
    fail(exchange, error);
    return;
  }
  try {
    await send(exchange, response, stallTimeoutMs);
  } catch (error) {
    // What a call fails with is part of its answer, so this is about the connection: mostly the client's own doing.
    exchange.log.debug({ err: describeError(error), method: handler.method.name }, "not answered to the end");
    cutOff(exchange);
  }
}

async function send(
  exchange: Exchange,
  { status, header, body, trailer }: UniversalServerResponse,
  stallTimeoutMs: number,
): Promise<void> {
  const { res } = exchange;
  const begin = (): void => {
    if (!res.headersSent && !exchange.closed) res.writeHead(status, Object.fromEntries(header ?? []));
  };
  // Not before the first part is there: until then the implementation can still set header fields.
  for await (const chunk of body ?? []) {
    begin();
    await write(exchange, exchange.inPlaceOf(chunk), stallTimeoutMs);
  }
  begin();
  const rpcCode = Number(trailer?.get("grpc-status") ?? 0);
  if (rpcCode !== 0) exchange.rpcCode = rpcCode;
  if (trailer !== undefined && !exchange.closed) res.addTrailers(Object.fromEntries(trailer));
  end(exchange, "", stallTimeoutMs);
}
