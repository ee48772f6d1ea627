import http from "node:http";
import http2 from "node:http2";
import type net from "node:net";
import type { Logger } from "@apispool/common/logger.js";
import type { ServerRequest, ServerResponse } from "./exchange.js";
import { Listener } from "./listener.js";
import type { Connections } from "./limits/connections.js";
import { limitHttpError } from "./limits/exceeded.js";
import { rawAnswer } from "./limits/refusal.js";
import type { Limits } from "./limits/settings.js";
import { type HttpError, httpError, problemOf } from "./problem.js";
import { Http1Connection, type Http1Limits } from "./receipt-http1.js";
import { TlsPort } from "./tls/tls-port.js";
import type { TlsSettings } from "./tls/settings.js";

export interface HttpOptions extends Http1Limits {
  readonly headersTimeoutMs: number;
  readonly maxConnections: number;
  /** Undefined: everything is cleartext. */
  readonly tls: TlsSettings | undefined;
  readonly log: Logger;
  readonly connections: Connections;
  readonly limits: Limits;
  readonly onRequest: (req: ServerRequest, res: ServerResponse, expectsContinue: boolean) => void;
}

/** HTTP/1.1 and HTTP/2 on one port, both over TLS where there is a certificate. */
export class HttpServers {
  readonly #listener: Listener;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #tls: TlsPort | undefined;
  readonly #connections = new Set<Http1Connection>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  #stopping = false;

  constructor(options: HttpOptions) {
    this.#http1 = this.#createHttp1(options);
    this.#http2 = this.#createHttp2(options);
    const { tls, log, headersTimeoutMs: handshakeTimeoutMs } = options;
    const acceptHttp = (socket: net.Socket, wire: "http1" | "http2"): void => {
      if (wire === "http1") this.#acceptHttp1(socket, options);
      else {
        // The HTTP/2 session owns the socket's end.
        socket.allowHalfOpen = false;
        this.#http2.emit("connection", socket);
      }
    };
    this.#tls = tls && new TlsPort({ ...tls, log, handshakeTimeoutMs, accept: acceptHttp });
    this.#listener = new Listener({
      firstBytesTimeoutMs: options.headersTimeoutMs,
      maxConnections: options.maxConnections,
      admit: (socket) => options.connections.enter(socket),
      accept: (socket, wire) => {
        if (this.#tls !== undefined) this.#tls.take(socket, wire);
        // What does not speak HTTP is told so there.
        else acceptHttp(socket, wire === "tls" ? "http1" : wire);
      },
    });
  }

  listen(port: number, host: string): Promise<number> {
    return this.#listener.listen(port, host);
  }

  #acceptHttp1(socket: net.Socket, limits: Http1Limits): void {
    const connection = new Http1Connection(socket, limits);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
    this.#http1.emit("connection", socket);
    if (this.#stopping) connection.retire();
  }

  #createHttp1({ headersTimeoutMs, limits, onRequest }: HttpOptions): http.Server {
    const server = http.createServer({
      headersTimeout: headersTimeoutMs,
      // Node's own limits are beyond ours, so that what is in between gets an answer that names the limit.
      maxHeaderSize: limits.headerBytes * 2 + limits.urlBytes,
      requestTimeout: Math.max(limits.requestTimeoutMs, headersTimeoutMs),
      connectionsCheckingInterval: 1000,
      // Node must not close an idle connection by itself: whether it may be closed depends on what it owes.
      keepAliveTimeout: 0,
    });
    // Node would leave out, without a word, what is beyond that.
    server.maxHeadersCount = limits.headers + 1;
    // A client's FIN must not end what we have still to say; Http1Connection decides.
    (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
    // It never listens itself, but this is where it begins to check its timeouts.
    server.emit("listening");
    const handle = (expectsContinue: boolean) => (req: http.IncomingMessage, res: http.ServerResponse) => {
      if (Http1Connection.of(req.socket)?.begin(res) === false) return;
      if (this.#stopping) res.shouldKeepAlive = false;
      onRequest(req, res, expectsContinue);
    };
    server.on("request", handle(false));
    server.on("checkContinue", handle(true));
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => answerBadRequest(error, socket as net.Socket));
    return server;
  }

  #createHttp2({ limits, onRequest }: HttpOptions): http2.Http2Server {
    const server = http2.createServer({
      // Twice our own limits, as above; what is beyond is reset with ENHANCE_YOUR_CALM.
      settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headerBytes * 2 + limits.urlBytes },
      maxHeaderListPairs: limits.headers * 2,
      // Rapid reset (CVE-2023-44487).
      streamResetBurst: limits.resetBurst,
      streamResetRate: limits.resetRate,
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      let streams = 0;
      session.on("stream", (stream) => {
        streams += 1;
        stream.once("close", () => (streams -= 1));
      });
      session.setTimeout(limits.http2IdleMs, () => {
        if (streams === 0) session.close();
      });
      session.once("close", () => this.#sessions.delete(session));
      if (this.#stopping) farewell(session);
    });
    // What a client does to its own connection is no error of the server.
    server.on("sessionError", () => {});
    server.on("request", (req, res) => onRequest(req, res, false));
    server.on("checkContinue", (req, res) => onRequest(req, res, true));
    return server;
  }

  /** How many connections speak what. */
  get connections(): Readonly<Record<"http1" | "http2", number>> {
    return { http1: this.#connections.size, http2: this.#sessions.size };
  }

  /** Bytes on the wire since the beginning. */
  get bytes(): { readonly received: number; readonly sent: number } {
    return this.#listener.bytes;
  }

  /** No new connections; HTTP/2 clients are told by GOAWAY, HTTP/1.1 ones by the end of their connection when it is free. */
  beginStop(): void {
    this.#stopping = true;
    this.#listener.close();
    for (const session of this.#sessions) farewell(session);
    for (const connection of this.#connections) connection.retire();
  }

  /** Resolves once every connection is gone. */
  async drained(): Promise<void> {
    await this.#listener.drained();
  }

  /** Ends what is left, at once. */
  destroy(): void {
    this.#listener.destroyAll();
    this.#http1.close();
    this.#http2.close();
    this.#tls?.close();
  }
}

/** Takes no new stream, and closes when the last one is over; closing may have to wait for evidence, GOAWAY has not. */
function farewell(session: http2.ServerHttp2Session): void {
  if (!session.destroyed) session.goaway();
  session.close();
}

/** A request that cannot be parsed gets an answer too, as far as there is somebody to answer to. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { problem } = problemOf(unreadable(error), "");
  socket.end(rawAnswer(problem.status, problem));
  setTimeout(() => socket.destroy(), 1000).unref();
}

function unreadable(error: NodeJS.ErrnoException): HttpError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return limitHttpError({
        field: "headers",
        problem: "the fields are too large",
        setting: "MAX_HEADER_BYTES",
        status: 431,
      });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return limitHttpError({
        field: "request",
        problem: "it took too long to come in whole",
        setting: "HEADERS_TIMEOUT, REQUEST_TIMEOUT",
        status: 408,
      });
    default:
      return httpError(400, "request", `it is no HTTP request: ${error.message}`);
  }
}
