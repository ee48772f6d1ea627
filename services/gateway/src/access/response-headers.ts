import type { OutgoingHttpHeaders } from "node:http";
import type { ServerRequest, ServerResponse } from "../exchange.js";
import { type OriginRules, isAllowedOrigin } from "./origins.js";

/** For whatever is no page: nothing in it is ever run, wherever it is shown. Pages bring their own. */
const security: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Two years, in seconds. */
const hsts = "max-age=63072000";

/** What pages of other origins may read of an answer. */
const exposed = [
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "apispool-cursor",
  "x-request-id",
  "retry-after",
  "ratelimit",
  "ratelimit-policy",
  "www-authenticate",
].join(", ");

/** What they may send: for JSON, Connect, gRPC-Web and event streams. */
const sendable = [
  "authorization",
  "x-api-key",
  "content-type",
  "accept",
  "last-event-id",
  "x-request-id",
  "connect-protocol-version",
  "connect-timeout-ms",
  "connect-accept-encoding",
  "connect-content-encoding",
  "grpc-timeout",
  "grpc-accept-encoding",
  "grpc-encoding",
  "x-grpc-web",
  "x-user-agent",
].join(", ");

const methods = "GET, HEAD, POST, DELETE, OPTIONS";

/** How long a browser need not ask again, in seconds. */
const preflightMaxAge = "7200";

/** Header fields that every answer has, and those by which a browser lets other origins' pages read it (CORS, Fetch standard). */
export function setHeaders(req: ServerRequest, res: ServerResponse, rules: OriginRules): void {
  // No browser shows an answer of gRPC proper.
  if (!/^application\/grpc(\+|;|$)/.test(req.headers["content-type"] ?? "")) {
    for (const [name, value] of Object.entries(security)) res.setHeader(name, value);
  }
  if ((req.socket as { encrypted?: boolean }).encrypted === true) res.setHeader("strict-transport-security", hsts);
  if (rules.allowedOrigins.length === 0) return;
  varyByOrigin(res);
  const { origin } = req.headers;
  if (origin === undefined || !isAllowedOrigin(origin, rules)) return;
  // Nothing here goes by cookies, so a page never needs to send any.
  res.setHeader("access-control-allow-origin", rules.allowedOrigins.includes("*") ? "*" : origin);
  res.setHeader("access-control-expose-headers", exposed);
  res.setHeader("cross-origin-resource-policy", "cross-origin");
}

/** Whether a browser asks what another origin's page may send. */
export function isPreflight({ method, headers }: ServerRequest): boolean {
  return method === "OPTIONS" && headers.origin !== undefined && headers["access-control-request-method"] !== undefined;
}

/** What is answered to such a question where the origin may call. */
export function preflightAnswer(): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": methods,
    "access-control-allow-headers": sendable,
    "access-control-max-age": preflightMaxAge,
    vary: "Access-Control-Request-Method, Access-Control-Request-Headers",
  };
}

/** Routes say themselves what their answers vary by; this comes in addition. */
function varyByOrigin(res: ServerResponse): void {
  const target = res as unknown as { writeHead: (status: number, headers?: OutgoingHttpHeaders) => unknown };
  const writeHead = target.writeHead.bind(res);
  target.writeHead = (status, headers = {}) => {
    const given = headers["vary"] ?? res.getHeader("vary");
    return writeHead(status, { ...headers, vary: given === undefined ? "Origin" : `${String(given)}, Origin` });
  };
}
