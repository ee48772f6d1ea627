import { type IncomingHttpHeaders, type OutgoingHttpHeaders, type ClientHttp2Stream, constants } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import { requestHeader, validateResponse, validateTrailer } from "@connectrpc/connect/protocol-grpc";
import { EnvelopeSplitter, enveloped } from "./envelope.js";

export interface StreamCall {
  readonly session: Http2SessionManager;
  /** `/package.Service/Method` */
  readonly path: string;
  /** The one request message, in its wire form. */
  readonly message: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number | undefined;
  /** Is called once nothing more can come, whether or not anybody has taken what came. */
  readonly onEnd?: (() => void) | undefined;
}

/** The messages of an answer, as the bytes that they came as. */
export interface Messages {
  /** The next message; undefined at the end. Rejects for a status other than OK. */
  next(): Promise<Buffer | undefined>;
  /** Resolves once nothing more can come, be it that the other side is gone. */
  readonly over: Promise<void>;
}

/** Messages that are kept while nobody asks for them; then the stream is paused, and HTTP/2 holds the sender back. */
const MOST_AHEAD = 2;

/**
 * What a connection may have under way on all its streams, in bytes. Of Node's 64 KiB the sender waits for leave after
 * every few pieces; what a single stream holds back is limited by its own window.
 */
const CONNECTION_WINDOW = 2 * 1024 * 1024;
const widened = new WeakSet<object>();

/**
 * A gRPC call whose answer is a stream, with its messages as the bytes that they came as: whoever hands a million records
 * on need not make an object of each. (Connect's client decodes every message.)
 */
export class MessageStream implements Messages {
  readonly #call: StreamCall;
  readonly #splitter = new EnvelopeSplitter((envelope) => this.#arrived(envelope));
  readonly #ahead: Buffer[] = [];
  readonly #timer: NodeJS.Timeout | undefined;
  #stream: ClientHttp2Stream | undefined;
  #header: Headers | undefined;
  #trailer: Headers | undefined;
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  #ending: () => void = () => {};
  readonly over = new Promise<void>((resolve) => (this.#ending = resolve));

  constructor(call: StreamCall) {
    this.#call = call;
    const { signal, timeoutMs } = call;
    if (timeoutMs !== undefined) {
      const late = (): void => this.#fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
      this.#timer = setTimeout(late, timeoutMs);
    }
    signal.addEventListener("abort", this.#abort);
    if (signal.aborted) this.#abort();
    else void this.#open();
  }

  /** The next message in its envelope; undefined at the end. Rejects with a ConnectError for a status other than OK. */
  async next(): Promise<Buffer | undefined> {
    while (this.#ahead.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const envelope = this.#ahead.shift();
    if (envelope !== undefined) {
      if (this.#ahead.length < MOST_AHEAD) this.#stream?.resume();
      return envelope;
    }
    if (this.#end?.error !== undefined) throw this.#end.error;
    return undefined;
  }

  async #open(): Promise<void> {
    const { session, path, message, headers, timeoutMs } = this.#call;
    try {
      const outgoing: OutgoingHttpHeaders = Object.fromEntries(requestHeader(true, timeoutMs, headers));
      const stream = await session.request("POST", path, outgoing, {});
      if (this.#end !== undefined) {
        stream.on("error", () => {});
        stream.close(constants.NGHTTP2_CANCEL);
        return;
      }
      this.#stream = stream;
      if (stream.session !== undefined && !widened.has(stream.session)) {
        widened.add(stream.session);
        stream.session.setLocalWindowSize(CONNECTION_WINDOW);
      }
      this.#listen(stream, session);
      stream.end(enveloped(message));
    } catch (error) {
      this.#fail(error);
    }
  }

  #listen(stream: ClientHttp2Stream, session: Http2SessionManager): void {
    stream.on("response", (headers) => {
      this.#header = webHeaders(headers);
      const { headerError } = validateResponse(headers[":status"] ?? 0, this.#header);
      if (headerError !== undefined) this.#fail(headerError);
    });
    stream.on("data", (chunk: Buffer) => {
      session.notifyResponseByteRead(stream);
      try {
        this.#splitter.push(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    stream.on("trailers", (headers) => (this.#trailer = webHeaders(headers)));
    stream.on("end", () => this.#ended());
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () => this.#fail(new Error(`the stream was closed with HTTP/2's code ${stream.rstCode}`)));
  }

  #arrived(envelope: Buffer): void {
    this.#ahead.push(envelope);
    if (this.#ahead.length >= MOST_AHEAD) this.#stream?.pause();
    this.#wakeUp();
  }

  #ended(): void {
    try {
      if (this.#splitter.inMessage) throw new Error("the stream ended within a message");
      const header = this.#header ?? new Headers();
      // A status in the header has been looked at already: there are no trailers then.
      if (!header.has("grpc-status")) validateTrailer(this.#trailer ?? new Headers(), header);
      this.#finish({});
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #abort = (): void => this.#fail(this.#call.signal.reason);

  #fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#ahead.length = 0;
    this.#finish({ error: error ?? new Error("the call failed") });
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    clearTimeout(this.#timer);
    this.#call.signal.removeEventListener("abort", this.#abort);
    this.#wakeUp();
    this.#ending();
    this.#call.onEnd?.();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function webHeaders(headers: IncomingHttpHeaders): Headers {
  return new Headers(
    Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      name.startsWith(":") || value === undefined ? [] : [[name, String(value)]],
    ),
  );
}
