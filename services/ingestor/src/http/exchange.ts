import http from "node:http";
import https from "node:https";
import axios, { type AxiosRequestConfig } from "axios";

/** Why a request was given up: there was no connection in time. */
export class ConnectTimeoutError extends Error {
  override readonly name = "ConnectTimeoutError";
}

/** One request to one address, as it goes over the wire. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly agent: http.Agent;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** As it came, compressed or not. */
  readonly stream: http.IncomingMessage;
}

/** Methods whose repetition does no harm (RFC 9110, 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "PUT", "OPTIONS"]);

/** More than there can be stale connections. */
const MOST_ATTEMPTS = 6;

/** Sends a request and gives the head of its answer, whatever its status. Follows nothing, undoes no compression. */
export async function exchange(request: Exchange): Promise<RawAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const sent: Sent = { request: undefined };
    try {
      return await send(request, sent);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      // The server closed a kept connection just as it was used again: nothing was wrong with either (RFC 9112, 9.3.1).
      const stale = sent.request?.reusedSocket === true && isReset(error) && idempotent.has(request.method);
      if (!stale || attempt >= MOST_ATTEMPTS) throw error;
    }
  }
}

interface Sent {
  request: http.ClientRequest | undefined;
}

async function send(exchange: Exchange, sent: Sent): Promise<RawAnswer> {
  const { method, url, headers, body, agent, connectTimeoutMs, signal } = exchange;
  const config: AxiosRequestConfig = {
    method,
    url: url.href,
    headers: { ...headers },
    data: body,
    responseType: "stream",
    decompress: false,
    maxRedirects: 0,
    maxBodyLength: -1,
    maxContentLength: -1,
    // Proxies are the agent's: axios would look into the environment, and drop an agent's own.
    proxy: false,
    validateStatus: () => true,
    transformRequest: (data: unknown) => data,
    transport: {
      request(options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void) {
        const transport = options.protocol === "https:" ? https : http;
        // `timeout` ends a proxy that accepts the connection and then says nothing; otherwise it only emits an event.
        const request = transport.request({ ...options, agent, timeout: connectTimeoutMs }, onResponse);
        sent.request = request;
        limitConnecting(request, connectTimeoutMs);
        return request;
      },
    },
  };
  const abort = (): void => {
    sent.request?.destroy(signal.reason as Error);
  };
  signal.throwIfAborted();
  signal.addEventListener("abort", abort);
  try {
    const { status, data } = await axios.request<http.IncomingMessage>(config);
    breakWithConnection(data);
    return { status, headers: plain(data.headers), stream: data };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * A body without a length ends with its connection, and node:http takes a reset for that end, too: it has to come first.
 */
function breakWithConnection(response: http.IncomingMessage): void {
  const { socket } = response;
  const onError = (error: Error): void => {
    if (!response.complete) response.destroy(error);
  };
  socket.prependListener("error", onError);
  response.once("close", () => socket.removeListener("error", onError));
}

/** Name resolution, TCP, the way through a proxy and TLS together. */
function limitConnecting(request: http.ClientRequest, ms: number): void {
  const timer = setTimeout(() => request.destroy(new ConnectTimeoutError("no connection in time")), ms);
  const connected = (): void => clearTimeout(timer);
  request.once("close", connected);
  request.once("socket", (socket) => {
    // Kept from before, or come through a proxy's tunnel: then it is given out when it is ready.
    if (request.reusedSocket || !socket.connecting) connected();
    else socket.once("encrypted" in socket ? "secureConnect" : "connect", connected);
  });
}

function isReset(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ECONNRESET" || code === "EPIPE";
}

/** As node:http joins them; of cookies, which nothing here keeps, only one line. */
function plain(headers: http.IncomingHttpHeaders): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = typeof value === "string" ? value : value.join(", ");
  }
  return result;
}
