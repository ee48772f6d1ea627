import { describeError } from "@apispool/common/errors.js";
import { Code, type ConnectError } from "@connectrpc/connect";
import { encodingFor } from "./accept-encoding.js";
import { Compressor } from "./compressor.js";
import type { Exchange, ServerResponse } from "./exchange.js";
import { type Problem, httpError, problemOf } from "./problem.js";
import { worthCompressing } from "./streamed-answer.js";

/** What a handler is given beside its exchange. */
export interface RouteContext {
  readonly query: URLSearchParams;
  /** The segment of the path that stands for `{name}`. */
  readonly name: string;
  /** Every segment of the path that stands for something in braces, by that. */
  readonly params: Readonly<Record<string, string>>;
}

/** Answers one request. What it throws becomes application/problem+json, or cuts the answer off if it had begun. */
export type Route = (exchange: Exchange, context: RouteContext) => Promise<void> | void;

/** By path, then by method. Segments of a path may be in braces, and then stand for anything: `/{name}`. */
export type Routes = Readonly<Record<string, Readonly<Record<string, Route>>>>;

interface Template {
  readonly segments: readonly string[];
  readonly methods: ReadonlyMap<string, Route>;
}

/** The JSON API: finds the route, and answers everything that goes wrong. */
export class Router {
  readonly #routes: ReadonlyMap<string, ReadonlyMap<string, Route>>;
  readonly #templates: readonly Template[];

  constructor(routes: Routes) {
    this.#routes = new Map(Object.entries(routes).map(([path, methods]) => [path, new Map(Object.entries(methods))]));
    this.#templates = [...this.#routes]
      .filter(([path]) => path.includes("{"))
      .map(([path, methods]) => ({ segments: path.split("/"), methods }));
  }

  /** Every path that there is. */
  get paths(): readonly string[] {
    return [...this.#routes.keys()];
  }

  /** Never rejects. */
  async serve(exchange: Exchange): Promise<void> {
    try {
      await this.#route(exchange);
    } catch (error) {
      fail(exchange, error);
    }
  }

  async #route(exchange: Exchange): Promise<void> {
    const { path, query } = split(exchange.req.url ?? "");
    if (path === "*" && exchange.req.method === "OPTIONS") {
      // RFC 9110, section 9.3.7: it asks for the server as a whole.
      answerOptions(exchange, this.#allMethods());
      return;
    }
    const { methods, params } = this.#find(path);
    if (methods === undefined) {
      throw httpError(404, "path", `"${path}" is unknown; known are ${[...this.#routes.keys()].join(", ")}`);
    }
    const method = exchange.req.method ?? "";
    const allowed = allowedOf(methods);
    if (method === "OPTIONS") {
      answerOptions(exchange, allowed);
      return;
    }
    const route = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
    if (route === undefined) {
      const problem = `${method} is not possible on ${path}; possible are ${allowed.join(", ")}`;
      throw httpError(405, "method", problem, { allow: allowed.join(", ") });
    }
    // Said before anything is done, not after it.
    encodingFor(exchange.req.headers["accept-encoding"]);
    await route(exchange, { query, name: params["name"] ?? "", params });
  }

  #allMethods(): string[] {
    return [...new Set([...this.#routes.values()].flatMap(allowedOf))].sort();
  }

  #find(path: string): { methods: ReadonlyMap<string, Route> | undefined; params: Readonly<Record<string, string>> } {
    const exact = this.#routes.get(path);
    if (exact !== undefined || path.includes("{")) return { methods: exact, params: {} };
    const given = path.split("/");
    const found = this.#templates.find(
      ({ segments }) =>
        segments.length === given.length &&
        segments.every((segment, i) => (segment.startsWith("{") ? given[i] !== "" : segment === given[i])),
    );
    if (found === undefined) return { methods: undefined, params: {} };
    try {
      const params = found.segments.flatMap((segment, i): [string, string][] =>
        segment.startsWith("{") ? [[segment.slice(1, -1), decodeURIComponent(given[i] ?? "")]] : [],
      );
      return { methods: found.methods, params: Object.fromEntries(params) };
    } catch {
      throw httpError(404, "path", `"${path}" is not encoded as a path has to be`);
    }
  }
}

function allowedOf(methods: ReadonlyMap<string, Route>): string[] {
  const head = methods.has("GET") && !methods.has("HEAD") ? ["HEAD"] : [];
  return [...methods.keys(), ...head, "OPTIONS"].sort();
}

function answerOptions(exchange: Exchange, allowed: readonly string[]): void {
  exchange.answered();
  exchange.res.writeHead(204, { allow: allowed.join(", ") });
  exchange.res.end();
}

function split(url: string): { path: string; query: URLSearchParams } {
  // A proxy may send the absolute form (RFC 9112, section 3.2.2).
  const local = url.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  return { path: path === "" ? "/" : path, query: new URLSearchParams(mark === -1 ? "" : local.slice(mark + 1)) };
}

/** Answers with a JSON value, compressed where that is worth it and the client likes it. */
export async function answerJson(exchange: Exchange, value: unknown): Promise<void> {
  await answerJsonText(exchange, JSON.stringify(value));
}

/** As {@link answerJson}, with JSON that is printed already. */
export async function answerJsonText(exchange: Exchange, json: string, vary = "Accept-Encoding"): Promise<void> {
  const { coding, plainToo } = encodingFor(exchange.req.headers["accept-encoding"]);
  let body = Buffer.from(`${json}\n`);
  let headers: Record<string, string> = { vary };
  if (coding !== "identity" && (body.length >= worthCompressing || !plainToo)) {
    const compressor = new Compressor(coding);
    try {
      body = Buffer.concat(await compressor.end(body));
    } finally {
      compressor.close();
    }
    headers = { ...headers, "content-encoding": coding };
  }
  if (!exchange.closed) send(exchange, 200, "application/json; charset=utf-8", headers, body);
}

/** Answers that it is done, and that there is nothing to be said about it. */
export function answerNothing(exchange: Exchange): void {
  exchange.answered();
  exchange.res.writeHead(204, { "cache-control": "no-store" });
  exchange.res.end();
}

/** Answers with a problem; an answer that has begun is cut off so that it cannot be taken for a whole one. */
export function fail(exchange: Exchange, thrown: unknown): void {
  const { problem, headers, error } = problemOf(thrown, exchange.requestId);
  noteFailure(exchange, problem, error);
  if (exchange.res.headersSent) {
    cutOff(exchange);
    return;
  }
  send(exchange, problem.status, "application/problem+json", headers, Buffer.from(`${JSON.stringify(problem)}\n`));
}

/** Logs a failure that is ours, or that somebody should know of. */
export function noteFailure({ log }: Exchange, { status }: Problem, error: ConnectError): void {
  if (error.code === Code.Internal || error.code === Code.Unknown) {
    log.error({ err: error.cause ?? error }, "request failed");
  } else if (status >= 500 && status !== 503) log.warn(describeError(error));
}

/** Sends a whole answer. What is left of the request is thrown away. */
export function send(
  exchange: Exchange,
  status: number,
  contentType: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): void {
  const { req, res, stream } = exchange;
  exchange.answered();
  const head: Record<string, string> = {
    "content-type": contentType,
    "content-length": String(body.length),
    "cache-control": "no-store",
    ...headers,
  };
  // HTTP/2 has no such header; it ends the stream instead.
  if (stream !== undefined) delete head["connection"];
  res.writeHead(status, head);
  if (stream !== undefined && !req.complete) {
    res.once("finish", () => {
      // RFC 9113, section 8.1: the rest of the request is not wanted, and that is no error.
      if (!stream.closed) stream.close();
    });
  }
  res.end(body);
  // What is still coming in is thrown away, so that the client gets to the answer.
  if (!req.complete) req.resume();
}

/** Breaks an answer off in a way that no client takes for its end. */
export function cutOff({ req, res, stream }: Exchange): void {
  if (stream === undefined) destroy(res, req.socket);
  else if (!stream.closed) stream.close(2 /* INTERNAL_ERROR */);
}

function destroy(res: ServerResponse, socket: { destroy(): void }): void {
  if (!res.writableFinished) socket.destroy();
}
