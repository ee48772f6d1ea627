import { type Http2Session, constants } from "node:http2";
import type { Logger } from "@apispool/common/logger.js";
import type { Exchange } from "../exchange.js";
import { cutOff, fail } from "../router.js";
import { Abandoned, youngMs } from "./abandoned.js";
import { clientOf } from "./client.js";
import type { Connections } from "./connections.js";
import { type Passed, limitHttpError } from "./exceeded.js";
import type { Limits } from "./settings.js";
import { Tally } from "./tally.js";

/** How long a client may take over the news that its request was given up, in milliseconds. */
const lingerMs = 300;

/** A connection that was refused so many requests, its client giving too many up, and still goes on, is ended. */
const mostRefused = 10;

/**
 * Who has a request under way. A client has a share. A fourth of all may wait for their bodies: beyond that, the one that has
 * waited for the longest makes room for the next, so whoever sends slowly displaces his like and nobody else.
 */
export class Requests {
  readonly #limits: Limits;
  readonly #connections: Connections;
  readonly #log: Logger;
  readonly #byClient = new Tally();
  /** Their body has not come yet; the oldest first. */
  readonly #incomplete = new Set<Exchange>();
  readonly #abandoned: Abandoned;
  readonly #refused = new WeakMap<Http2Session, number>();
  #count = 0;

  constructor(limits: Limits, connections: Connections, log: Logger) {
    this.#limits = limits;
    this.#connections = connections;
    this.#log = log;
    this.#abandoned = new Abandoned(limits.resetBurst, limits.resetRate);
    connections.holdBack = (client) => this.#abandoned.tooMany(client);
  }

  /** Counts a request until its response is over; undefined, or what it is refused for. */
  enter(exchange: Exchange): Passed | undefined {
    const { req, res } = exchange;
    const { socket } = req;
    const idle = this.#connections.busy(socket);
    const client = clientOf(socket.remoteAddress);
    const passed = this.#shape(exchange) ?? this.#abandons(exchange, client) ?? this.#room(client);
    this.#count += 1;
    this.#byClient.add(client);
    const waiting = hasBody(exchange) ? this.#await(exchange) : undefined;
    const began = performance.now();
    res.once("close", () => {
      idle();
      if (!res.writableEnded && performance.now() - began < youngMs) this.#abandoned.count(client);
      this.#count -= 1;
      this.#byClient.remove(client);
      waiting?.();
    });
    return passed;
  }

  /** What is wrong with the request line and the header fields. Node's own limit is twice as high, and has no words. */
  #shape({ req }: Exchange): Passed | undefined {
    const { headerBytes, headers, urlBytes } = this.#limits;
    const { rawHeaders } = req;
    if ((req.url ?? "").length > urlBytes) {
      return { field: "url", problem: `is longer than ${urlBytes} bytes`, setting: "MAX_URL_BYTES", status: 414 };
    }
    if (rawHeaders.length / 2 > headers) {
      const problem = `there are more than ${headers} fields`;
      return { field: "headers", problem, setting: "MAX_HEADERS", status: 431 };
    }
    let bytes = 0;
    for (const text of rawHeaders) bytes += text.length;
    if (bytes > headerBytes) {
      const problem = `the fields are larger than ${headerBytes} bytes`;
      return { field: "headers", problem, setting: "MAX_HEADER_BYTES", status: 431 };
    }
    return undefined;
  }

  #abandons({ stream }: Exchange, client: string): Passed | undefined {
    if (!this.#abandoned.tooMany(client)) return undefined;
    const session = stream?.session;
    if (session !== undefined) {
      const times = (this.#refused.get(session) ?? 0) + 1;
      this.#refused.set(session, times);
      if (times > mostRefused) session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    const problem = `${client} gives too many up as soon as it has made them`;
    return { field: "requests", problem, setting: "MAX_RESETS", status: 429, retryAfterMs: 1000 };
  }

  #room(client: string): Passed | undefined {
    const { requests, clientRequests } = this.#limits;
    if (this.#byClient.of(client) >= clientRequests) {
      const problem = `${client} has ${clientRequests} under way, which is the most for one client`;
      return { field: "requests", problem, setting: "MAX_CLIENT_REQUESTS", status: 429, retryAfterMs: 1000 };
    }
    if (this.#count < requests) return undefined;
    const problem = `there are ${requests} under way, which is the most`;
    return { field: "requests", problem, setting: "MAX_REQUESTS", status: 503, retryAfterMs: 1000 };
  }

  /** The body of a request has yet to come: it has its time. Returns what ends the waiting. */
  #await(exchange: Exchange): () => void {
    const { req } = exchange;
    const { requests, requestTimeoutMs } = this.#limits;
    this.#incomplete.add(exchange);
    if (this.#incomplete.size > Math.max(1, requests / 4)) {
      const [oldest = exchange] = this.#incomplete;
      this.#incomplete.delete(oldest);
      this.#giveUp(oldest, "is not there, and too many others wait", "MAX_REQUESTS");
    }
    // Node looks after that over HTTP/1.1. A stream of requests has no end of its own.
    const timed = exchange.stream !== undefined && !isRequestStream(req.url ?? "");
    const timer = timed
      ? setTimeout(() => {
          this.#giveUp(exchange, `was not there within ${requestTimeoutMs} ms`, "REQUEST_TIMEOUT");
        }, requestTimeoutMs)
      : undefined;
    const done = (): void => {
      clearTimeout(timer);
      this.#incomplete.delete(exchange);
    };
    req.once("end", done);
    return done;
  }

  #giveUp(exchange: Exchange, problem: string, setting: string): void {
    this.#log.debug({ requestId: exchange.requestId }, `gave a request up: its body ${problem} (${setting})`);
    if (exchange.closed) return;
    if (exchange.res.headersSent) cutOff(exchange);
    else fail(exchange, limitHttpError({ field: "body", problem, setting, status: 408 }, { connection: "close" }));
    // Who has not sent in time need not be waited for either.
    if (exchange.stream === undefined) setTimeout(() => exchange.req.socket.destroy(), lingerMs);
  }
}

/** Whether a body follows the header fields (RFC 9112, section 6.3). */
function hasBody({ req, stream }: Exchange): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders;
  const { "content-length": length = "0", "transfer-encoding": coding } = req.headers;
  return coding !== undefined || length !== "0";
}

/** Reflection is the only method whose client sends one message after another. */
function isRequestStream(url: string): boolean {
  return url.endsWith("/ServerReflectionInfo");
}
