import { describeError } from "@apispool/common/errors.js";
import { PollError, type PollErrorKind } from "../poll-error.js";
import { TooLargeError } from "./bounded-body.js";
import { ConnectTimeoutError } from "./exchange.js";
import { RequestTimeoutError } from "./request-deadline.js";

export interface FailureContext {
  /** The address, fit to be shown. */
  readonly where: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxBytes: number;
  /** By way of which proxy, fit to be shown. */
  readonly by?: string | undefined;
}

type Known = Readonly<Record<string, readonly [PollErrorKind, string]>>;

const known: Known = {
  ECONNREFUSED: ["network", "nothing accepts connections at"],
  ENOTFOUND: ["network", "the host name cannot be resolved, check url:"],
  EAI_AGAIN: ["network", "the host name cannot be resolved at the moment (is the network up?):"],
  ENODATA: ["network", "the host name has no address, check url:"],
  EAI_FAIL: ["network", "the name server fails on the host name of"],
  EHOSTUNREACH: ["network", "there is no way to the host of"],
  ENETUNREACH: ["network", "there is no network on which to reach"],
  EADDRNOTAVAIL: ["network", "there is no network on which to reach"],
  ETIMEDOUT: ["timeout", "no connection could be made in time to"],
  CERT_HAS_EXPIRED: ["tls", "the TLS certificate has expired of"],
  CERT_NOT_YET_VALID: ["tls", "the TLS certificate is not valid yet (are both clocks right?) of"],
  CERT_REVOKED: ["tls", "the TLS certificate has been revoked of"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["tls", "the TLS certificate is self-signed; if it is to be trusted, set tls.ca, of"],
  SELF_SIGNED_CERT_IN_CHAIN: ["tls", "the TLS certificate leads to an authority nobody here knows; set tls.ca, of"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "tls",
    "the TLS certificate comes without the ones that it was signed with; set tls.ca, of",
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["tls", "the TLS certificate was signed by nobody known here; set tls.ca, of"],
  UNABLE_TO_GET_ISSUER_CERT: ["tls", "the TLS certificate was signed by nobody known here; set tls.ca, of"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["tls", "the TLS certificate is for another name than that of"],
  HPE_HEADER_OVERFLOW: ["malformed", "the headers of the answer are too large, from"],
  EPROTO: ["tls", "TLS failed (does the server speak https?) with"],
};

const cut = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED"]);

/** Turns whatever a request, or the reading of its answer, failed with into what a person can act on. */
export function describeFailure(thrown: unknown, context: FailureContext): PollError {
  const { where, timeoutMs, maxBytes } = context;
  const error = root(thrown);
  if (error instanceof PollError) return error;
  if (error instanceof RequestTimeoutError) {
    return new PollError(`no complete answer within ${timeoutMs} ms (timeout) from ${where}`, { kind: "timeout" });
  }
  if (error instanceof ConnectTimeoutError) return noConnection(context);
  if (error instanceof TooLargeError) {
    return new PollError(`the answer is larger than ${maxBytes} bytes (max_bytes): ${where}`);
  }
  const { code: rawCode, message = "" } = error as { code?: unknown; message?: string };
  const code = typeof rawCode === "string" ? rawCode : "";
  const cause = error;
  const entry = known[code];
  if (entry !== undefined) {
    const [kind, text] = entry;
    // Connections are made to the proxy; only TLS is with the API's own server.
    const place =
      context.by === undefined || kind === "tls" ? where : `the proxy ${context.by}, on the way to ${where}`;
    return new PollError(`${text} ${place} (${code})`, { kind, cause });
  }
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) {
    const hint = /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code)
      ? "the server does not accept our TLS certificate, or wants one; check tls.cert and tls.key:"
      : "TLS failed (does the server speak https?) with";
    return new PollError(`${hint} ${where} (${code})`, { kind: "tls", cause });
  }
  if (code.startsWith("ERR_OSSL_")) {
    return new PollError(
      `the files of tls cannot be used (${code}): is each a PEM file, and do they belong together?`,
      {
        kind: "config",
        cause,
      },
    );
  }
  if (code === "ERR_PROXY_TUNNEL") return describeTunnel(error as TunnelError, context);
  if (code === "Z_BUF_ERROR") {
    return new PollError(`the answer was cut off before its compressed data ended, by ${where}`, {
      cause,
      cutOff: true,
    });
  }
  if (cut.has(code) || /aborted|socket hang up/i.test(message)) {
    return new PollError(`the connection was cut off by ${where} (${code})`, { kind: "network", cause });
  }
  if (code.startsWith("HPE_")) return new PollError(`what came back is not HTTP, from ${where} (${code})`, { cause });
  if (code.startsWith("Z_") || code.startsWith("ERR__") || code.startsWith("ERR_BROTLI") || code.startsWith("ZSTD_")) {
    return new PollError(`the answer cannot be decompressed, from ${where} (${code})`, { cause });
  }
  if (/^ERR_(?:HTTP_)?(?:INVALID|UNESCAPED)/.test(code)) {
    return new PollError(`the request to ${where} cannot be sent as it is configured: ${describeError(error)}`, {
      kind: "config",
      cause,
    });
  }
  // What the system says may pass; what is not from there will not.
  const kind = code === "" ? "malformed" : "network";
  return new PollError(`the request to ${where} failed: ${describeError(error)}`, { kind, cause });
}

function noConnection({ where, connectTimeoutMs, by }: FailureContext): PollError {
  const way = by === undefined ? "" : ` by way of the proxy ${by}`;
  return new PollError(`no connection within ${connectTimeoutMs} ms (connect_timeout) to ${where}${way}`, {
    kind: "timeout",
  });
}

/** As node:https says that a proxy made no tunnel. */
interface TunnelError extends Error {
  readonly statusCode?: number;
  readonly proxyTunnelTimeout?: number;
}

function describeTunnel(cause: TunnelError, context: FailureContext): PollError {
  const { statusCode, proxyTunnelTimeout } = cause;
  if (proxyTunnelTimeout !== undefined) return noConnection(context);
  const place = `${context.by ?? ""}, on the way to ${context.where}`;
  if (statusCode === 407) {
    const text = "the proxy wants credentials, or does not accept those it got; check proxy:";
    return new PollError(`${text} ${place} (HTTP 407)`, { kind: "unauthorized", cause });
  }
  const status = statusCode === undefined ? "" : ` (HTTP ${statusCode})`;
  return new PollError(`the proxy does not let us through: ${place}${status}`, { kind: "network", cause });
}

/** The answer had begun, so that what broke it off cut it short. */
export function describeBrokenBody(thrown: unknown, context: FailureContext): PollError {
  const error = describeFailure(thrown, context);
  if (error.kind !== "network") return error;
  return new PollError(`the answer was cut off before its end by ${context.where}`, {
    cause: error.cause,
    cutOff: true,
  });
}

/** Under axios's wrapping; never axios's own error, which carries the request with all its secrets. */
function root(thrown: unknown): unknown {
  let error = thrown;
  for (let depth = 0; depth < 5; depth += 1) {
    if (error instanceof PollError) return error;
    const { isAxiosError, cause, message, code } = error as {
      isAxiosError?: boolean;
      cause?: unknown;
      message?: string;
      code?: string;
    };
    if (isAxiosError !== true) return error;
    if (cause === undefined) return Object.assign(new Error(message), code === undefined ? {} : { code });
    error = cause;
  }
  return new Error("unknown");
}
