import axios, { type AxiosResponse } from "axios";
import { describeError } from "@apispool/common/errors.js";
import { parseRetryAfter } from "./backoff.js";
import { PollError } from "./poll-error.js";
import { displayUrl } from "./source-url.js";

/** What makes a request conditional (RFC 9110, 13): the answer is 304 where nothing changed. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export type PollAnswer =
  | { readonly kind: "not-modified"; readonly status: number }
  | { readonly kind: "page"; readonly status: number; readonly body: Buffer; readonly validators: Validators };

interface HttpSource {
  readonly url: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_REDIRECTS = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Asks an API once. Throws {@link PollError} in words where there is no answer that can be used, and the stop signal's
 * reason where it fired.
 */
export async function poll(source: HttpSource, validators: Validators, stop: AbortSignal): Promise<PollAnswer> {
  stop.throwIfAborted();
  // axios's own timeout does not end an answer that drips in slowly; this one does.
  const timeout = AbortSignal.timeout(source.timeoutMs);
  try {
    const response = await request(source, validators, AbortSignal.any([stop, timeout]));
    return toAnswer(response, source);
  } catch (error) {
    stop.throwIfAborted();
    if (error instanceof PollError) throw error;
    if (timeout.aborted) {
      throw new PollError(
        `no complete answer within ${source.timeoutMs} ms (SOURCE_TIMEOUT) from ${displayUrl(source.url)}`,
        { cause: error },
      );
    }
    throw new PollError(describeFailure(error, source), { cause: error });
  }
}

async function request(
  source: HttpSource,
  validators: Validators,
  signal: AbortSignal,
): Promise<AxiosResponse<Buffer>> {
  let url = source.url;
  for (let hops = 0; ; hops += 1) {
    const response = await axios.get<Buffer>(url, {
      responseType: "arraybuffer",
      decompress: true,
      // Counts bytes after decompression, so that it stops a decompression bomb too.
      maxContentLength: source.maxBytes,
      maxRedirects: 0,
      proxy: false,
      validateStatus: () => true,
      transformResponse: (data: unknown) => data,
      signal,
      headers: {
        accept: "application/json, */*;q=0.5",
        "user-agent": "apispool/0.1",
        ...source.headers,
        ...(validators.etag === undefined ? {} : { "if-none-match": validators.etag }),
        ...(validators.lastModified === undefined ? {} : { "if-modified-since": validators.lastModified }),
      },
    });
    const location = header(response, "location");
    if (!redirects.has(response.status) || location === undefined) return response;
    const from = new URL(url);
    if (!URL.canParse(location, url)) {
      throw new PollError(`the API redirects to "${location}", which is not an address`, {
        httpStatus: response.status,
      });
    }
    const to = new URL(location, from);
    // Credentials must not reach another server, and another server is not what was configured.
    if (to.origin !== from.origin) {
      throw new PollError(
        `the API redirects to another server, ${displayUrl(to.href)}; if that is meant, set SOURCE_URL to it`,
        { httpStatus: response.status },
      );
    }
    if (hops >= MAX_REDIRECTS) {
      throw new PollError(`the API redirects more than ${MAX_REDIRECTS} times`, { httpStatus: response.status });
    }
    to.username = from.username;
    to.password = from.password;
    url = to.href;
  }
}

function toAnswer(response: AxiosResponse<Buffer>, source: HttpSource): PollAnswer {
  const { status } = response;
  if (status === 304) return { kind: "not-modified", status };
  if (status < 200 || status > 299) {
    throw new PollError(`${describeStatus(status)} (${displayUrl(source.url)})`, {
      httpStatus: status,
      retryAfterMs: parseRetryAfter(header(response, "retry-after"), Date.now()),
    });
  }
  const etag = header(response, "etag");
  const lastModified = header(response, "last-modified");
  return {
    kind: "page",
    status,
    body: status === 204 ? Buffer.from("[]") : response.data,
    validators: { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) },
  };
}

function header(response: AxiosResponse, name: string): string | undefined {
  const value: unknown = (response.headers as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function describeStatus(status: number): string {
  if (status === 401)
    return "HTTP 401: the API wants credentials, or does not accept those it got; check SOURCE_HEADERS";
  if (status === 403) return "HTTP 403: the API refuses access; check the credentials and what they may see";
  if (status === 404) return "HTTP 404: there is nothing at this address; check SOURCE_URL";
  if (status === 410) return "HTTP 410: what was at this address is gone for good; check SOURCE_URL";
  if (status === 429) return "HTTP 429: the API is asked too often; raise SOURCE_INTERVAL";
  if (status >= 500) return `HTTP ${status}: the API has a failure of its own`;
  if (status >= 400) return `HTTP ${status}: the API does not accept the request`;
  return `HTTP ${status}: not an answer that can be used`;
}

const network: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing accepts connections at",
  ENOTFOUND: "the host name cannot be resolved, check SOURCE_URL:",
  EAI_AGAIN: "the host name cannot be resolved at the moment (is the network up?):",
  ECONNRESET: "the connection was cut off by",
  EPIPE: "the connection was cut off by",
  ETIMEDOUT: "no connection could be made in time to",
  EHOSTUNREACH: "there is no way to the host of",
  ENETUNREACH: "there is no network on which to reach",
  CERT_HAS_EXPIRED: "the TLS certificate has expired of",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the TLS certificate is self-signed, so it cannot be trusted, of",
  SELF_SIGNED_CERT_IN_CHAIN: "the TLS certificate leads to a self-signed one, so it cannot be trusted, of",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the TLS certificate comes without the ones that it was signed with, of",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the TLS certificate was signed by nobody known here, of",
  ERR_TLS_CERT_ALTNAME_INVALID: "the TLS certificate is for another name than that of",
  EPROTO: "TLS failed (does the server speak https?) with",
};

function describeFailure(error: unknown, { url, maxBytes }: HttpSource): string {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  const where = displayUrl(url);
  if (message.includes("maxContentLength")) {
    return `the answer is larger than ${maxBytes} bytes (SOURCE_MAX_BYTES): ${where}`;
  }
  const known = network[code];
  if (known !== undefined) return `${known} ${where} (${code})`;
  if (/aborted/i.test(message)) return `the answer was cut off before its end by ${where}`;
  if (code.startsWith("HPE_")) return `what came back is not HTTP, from ${where} (${code})`;
  if (code.startsWith("Z_") || code.startsWith("ERR_BROTLI"))
    return `the answer cannot be decompressed, from ${where} (${code})`;
  return `the request to ${where} failed: ${describeError(error)}`;
}
