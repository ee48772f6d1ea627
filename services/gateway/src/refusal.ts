import type { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, endStreamToJson, errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { Exchange } from "./exchange.js";
import { enveloped } from "./envelope.js";
import { type HttpError, problemOf } from "./problem.js";
import { send } from "./router.js";

type Fields = Readonly<Record<string, string>>;

/** The flag of the last message of a stream of Connect's. */
const endStreamFlag = 2;

/**
 * Refuses a request before anything of its body is read, in the words of the protocol that it came by. Not by Connect's
 * handlers: those read the body first.
 */
export function refuse(exchange: Exchange, thrown: ConnectError | HttpError, extra: Fields): void {
  const { req, requestId } = exchange;
  const { problem, headers, error } = problemOf(thrown, requestId);
  const all = { ...headers, ...extra };
  const type = (req.headers["content-type"] ?? "").split(";", 1)[0]?.trim() ?? "";
  if (/^application\/grpc(-web(-text)?)?(\+|$)/.test(type)) {
    // The status in the headers ends the call ("trailers-only").
    const status = Object.fromEntries(setTrailerStatus(new Headers(), error));
    send(exchange, 200, type, { ...all, ...status }, Buffer.alloc(0));
  } else if (type.startsWith("application/connect+")) {
    const body = enveloped(Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined))));
    body[0] = endStreamFlag;
    send(exchange, 200, type, all, body);
  } else if (req.headers["connect-protocol-version"] !== undefined || type === "application/proto") {
    const body = Buffer.from(JSON.stringify(errorToJson(error, undefined)));
    send(exchange, codeToHttpStatus(error.code), "application/json", all, body);
  } else {
    send(exchange, problem.status, "application/problem+json", all, Buffer.from(`${JSON.stringify(problem)}\n`));
  }
}
