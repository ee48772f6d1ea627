import type { connectNodeAdapter } from "@connectrpc/connect-node";
import { Code, ConnectError } from "@connectrpc/connect";
import type http from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { requestIdFrom } from "@apispool/common/grpc-server.js";
import { describeError } from "@apispool/common/errors.js";
import { confirmWritten, http2Receipt } from "@apispool/common/receipt-http2.js";
import type { Logger } from "@apispool/common/logger.js";
import { isBlank } from "./envelope.js";
import { clientOf } from "./limits/client.js";
import { defaultLimits } from "./limits/settings.js";
import { Room, type StalledAnswers } from "./limits/stalled.js";
import { withoutStack } from "./limits/without-stack.js";
import { Http1Connection, type ReleasableReceipt } from "./receipt-http1.js";
import { onShutdown } from "./shutdown-listeners.js";

// Connect's types for both kinds of HTTP: the overloads of Node's own do not agree with each other.
type Handler = ReturnType<typeof connectNodeAdapter>;
/** A request over HTTP/1.1 or HTTP/2. */
export type ServerRequest = Parameters<Handler>[0];
/** Its response. */
export type ServerResponse = Parameters<Handler>[1];

/** One request and its response, whatever they travel on. */
export class Exchange {
  readonly req: ServerRequest;
  readonly res: ServerResponse;
  readonly requestId: string;
  readonly log: Logger;
  /** How deep JSON in the body may go. */
  readonly jsonDepth: number;
  /** Counts what waits for clients that do not take it. */
  readonly stalled: StalledAnswers | undefined;
  /** What a fetch for this answer may have in memory. */
  readonly room: Room | undefined;
  readonly #gone = new AbortController();
  readonly #forwarded: Buffer[] = [];
  #answered = false;
  #closed = false;
  #expectsContinue: boolean;

  constructor(
    req: ServerRequest,
    res: ServerResponse,
    {
      log,
      shutdown,
      expectsContinue,
      jsonDepth = defaultLimits.jsonDepth,
      stalled,
    }: {
      log: Logger;
      shutdown: AbortSignal;
      expectsContinue: boolean;
      jsonDepth?: number;
      stalled?: StalledAnswers;
    },
  ) {
    this.jsonDepth = jsonDepth;
    this.stalled = stalled;
    this.room = stalled === undefined ? undefined : new Room(stalled, clientOf(req.socket.remoteAddress));
    this.#expectsContinue = expectsContinue;
    this.req = req;
    this.res = res;
    this.requestId = requestIdFrom(req.headers["x-request-id"]);
    this.log = log.child({ requestId: this.requestId });
    res.setHeader("x-request-id", this.requestId);
    const stop = (): void => this.#gone.abort(shutdown.reason);
    const deaf = onShutdown(shutdown, stop);
    // Whatever happens to a connection is told by its close.
    res.on("error", (error: unknown) => this.log.debug({ err: describeError(error) }, "error on the connection"));
    res.once("close", () => {
      this.#closed = true;
      deaf();
      if (!this.#answered) {
        this.#gone.abort(withoutStack(() => new ConnectError("the client went away", Code.Canceled)));
      }
    });
    if (shutdown.aborted) stop();
  }

  /** Fires when the client goes before its answer is complete, and when the gateway has to stop at once. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The response is over, in order or not: nothing can be written any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The status of an RPC that failed, whatever its protocol makes of it. */
  rpcCode: Code | undefined;

  /** The answer is complete: whatever becomes of the connection now is no interruption. */
  answered(): void {
    this.#answered = true;
  }

  /** The body is wanted: a client that asked first (Expect: 100-continue) may send it. */
  expectBody(): void {
    if (this.#expectsContinue) this.res.writeContinue();
    this.#expectsContinue = false;
  }

  /**
   * Sends a message in its envelope as it came from a service, in the place of the blank message that the method's
   * implementation yields next: Connect would encode it anew, and copy it three times on the way.
   */
  forward(envelope: Buffer): void {
    this.#forwarded.push(envelope);
  }

  /** What to send for a part of Connect's answer. */
  inPlaceOf(part: Uint8Array): Uint8Array {
    return this.#forwarded.length > 0 && isBlank(part) ? (this.#forwarded.shift() ?? part) : part;
  }

  /** The HTTP/2 stream; undefined over HTTP/1.1. */
  get stream(): ServerHttp2Stream | undefined {
    return "stream" in this.req ? this.req.stream : undefined;
  }

  /**
   * Tells whether the client has what was written so far; undefined over HTTP/1.1, where that cannot be told before the
   * end.
   */
  get confirmWritten(): (() => Promise<boolean>) | undefined {
    const { stream } = this;
    return stream === undefined ? undefined : async () => (await confirmWritten(stream)) === "received";
  }

  /** What will tell whether the client has the response; to be asked for before its last byte is written. */
  receipt(options?: { readonly endless: boolean }): ReleasableReceipt {
    const { stream } = this;
    if (stream !== undefined) return http2Receipt(stream);
    const connection = Http1Connection.of(this.req.socket);
    if (connection === undefined) throw new Error("a request on a connection that nobody watches");
    return connection.receipt(this.res as http.ServerResponse, options);
  }
}
