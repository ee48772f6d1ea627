import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import {
  codeToHttpStatus,
  createEndStreamSerialization,
  endStreamFlag,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import type { Exchange } from "../exchange.js";
import { fail } from "../router.js";
import { type Passed, limitError, limitHttpError } from "./exceeded.js";

/** Answers a request that is over a limit, in its own protocol, without reading it. */
export function refuse(exchange: Exchange, passed: Passed): void {
  const { req, res, stream } = exchange;
  const type = req.headers["content-type"] ?? "";
  // There is nobody to tell.
  if (stream?.destroyed === true) return;
  const error = limitError(passed);
  // Over HTTP/1.1 the connection would have to be read to the end of the request to be used again.
  if (stream === undefined) res.setHeader("connection", "close");
  if (/^application\/grpc(?:\+|;|$)/.test(type)) {
    answer(exchange, 200, { "content-type": type, ...trailersOnly(error) }, new Uint8Array(0));
  } else if (type.startsWith("application/connect+")) {
    const end = createEndStreamSerialization({}).serialize({ error, metadata: new Headers() });
    const envelope = Buffer.alloc(5 + end.length);
    envelope[0] = endStreamFlag;
    envelope.writeUInt32BE(end.length, 1);
    envelope.set(end, 5);
    answer(exchange, 200, { "content-type": type }, envelope);
  } else if (type === "application/proto" || req.headers["connect-protocol-version"] !== undefined) {
    const body = errorToJsonBytes(error, {});
    answer(exchange, codeToHttpStatus(error.code), { "content-type": "application/json" }, body);
  } else fail(exchange, limitHttpError(passed));
}

/** A status in the headers ends a gRPC call. */
function trailersOnly(error: ConnectError): Record<string, string> {
  const headers = new Headers();
  setTrailerStatus(headers, error);
  return Object.fromEntries(headers);
}

function answer(exchange: Exchange, status: number, headers: Readonly<Record<string, string>>, body: Uint8Array): void {
  const { req, res, stream } = exchange;
  exchange.answered();
  res.writeHead(status, { "cache-control": "no-store", ...headers });
  if (stream !== undefined && !req.complete) res.once("finish", () => stream.closed || stream.close());
  res.end(body);
  if (!req.complete) req.resume();
}
