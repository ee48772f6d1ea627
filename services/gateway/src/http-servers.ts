import http from "node:http";
import http2 from "node:http2";
import type net from "node:net";
import type { ServerRequest, ServerResponse } from "./exchange.js";
import { Listener, type Wire } from "./listener.js";
import { httpError, problemOf } from "./problem.js";
import { Http1Connection, type Http1Limits } from "./receipt-http1.js";

export interface HttpOptions extends Http1Limits {
  readonly headersTimeoutMs: number;
  readonly maxConnections: number;
  readonly onRequest: (req: ServerRequest, res: ServerResponse, expectsContinue: boolean) => void;
}

/** The longest that a client may take over a whole request, its body included, in milliseconds. */
const requestTimeoutMs = 60_000;

/** How long an HTTP/2 connection may be silent that has no stream open, in milliseconds. */
const http2IdleMs = 600_000;

/** HTTP/1.1 and HTTP/2 on one port. */
export class HttpServers {
  readonly #listener: Listener;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #connections = new Set<Http1Connection>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  #stopping = false;

  constructor(options: HttpOptions) {
    this.#http1 = this.#createHttp1(options);
    this.#http2 = this.#createHttp2(options);
    this.#listener = new Listener({
      firstBytesTimeoutMs: options.headersTimeoutMs,
      maxConnections: options.maxConnections,
      accept: (socket, wire) => {
        if (wire === "http1") this.#acceptHttp1(socket, options);
        else {
          // The HTTP/2 session owns the socket's end.
          socket.allowHalfOpen = false;
          this.#http2.emit("connection", socket);
        }
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

  #createHttp1({ headersTimeoutMs, onRequest }: HttpOptions): http.Server {
    const server = http.createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1000,
      // Node must not close an idle connection by itself: whether it may be closed depends on what it owes.
      keepAliveTimeout: 0,
    });
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

  #createHttp2({ onRequest }: HttpOptions): http2.Http2Server {
    const server = http2.createServer({
      settings: { maxConcurrentStreams: 100 },
      // Rapid reset (CVE-2023-44487): well below Node's default of 1000 at once.
      streamResetBurst: 200,
      streamResetRate: 33,
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      let streams = 0;
      session.on("stream", (stream) => {
        streams += 1;
        stream.once("close", () => (streams -= 1));
      });
      session.setTimeout(http2IdleMs, () => {
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
  get connections(): Readonly<Record<Wire, number>> {
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
  const [status, problem] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [431, "the header fields are too large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "it took too long to come in whole"]
        : [400, `it is no HTTP request: ${error.message}`];
  const body = `${JSON.stringify(problemOf(httpError(status, "request", problem), "").problem)}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ""}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), 1000).unref();
}
