import { describeError } from "@apispool/common/errors.js";
import { Code } from "@connectrpc/connect";
import type { Exchange, ServerResponse } from "./exchange.js";
import { httpError, problemOf } from "./problem.js";

/** What a handler is given beside its exchange. */
export interface RouteContext {
  readonly query: URLSearchParams;
  /** The last segment of a path that ends in `/{name}`. */
  readonly name: string;
}

/** Answers one request. What it throws becomes application/problem+json, or cuts the answer off if it had begun. */
export type Route = (exchange: Exchange, context: RouteContext) => Promise<void> | void;

/** By path, then by method. A path may end in `/{name}`. */
export type Routes = Readonly<Record<string, Readonly<Record<string, Route>>>>;

/** The JSON API: finds the route, and answers everything that goes wrong. */
export class Router {
  readonly #routes: ReadonlyMap<string, ReadonlyMap<string, Route>>;

  constructor(routes: Routes) {
    this.#routes = new Map(Object.entries(routes).map(([path, methods]) => [path, new Map(Object.entries(methods))]));
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
    const { methods, name } = this.#find(path);
    if (methods === undefined) {
      throw httpError(404, "path", `"${path}" is unknown; known are ${[...this.#routes.keys()].join(", ")}`);
    }
    const method = exchange.req.method ?? "";
    const allowed = [
      ...methods.keys(),
      ...(methods.has("GET") && !methods.has("HEAD") ? ["HEAD"] : []),
      "OPTIONS",
    ].sort();
    if (method === "OPTIONS") {
      exchange.answered();
      exchange.res.writeHead(204, { allow: allowed.join(", ") });
      exchange.res.end();
      return;
    }
    const route = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
    if (route === undefined) {
      const problem = `${method} is not possible on ${path}; possible are ${allowed.join(", ")}`;
      throw httpError(405, "method", problem, { allow: allowed.join(", ") });
    }
    await route(exchange, { query, name });
  }

  #find(path: string): { methods: ReadonlyMap<string, Route> | undefined; name: string } {
    const exact = this.#routes.get(path);
    if (exact !== undefined || path.includes("{")) return { methods: exact, name: "" };
    const slash = path.lastIndexOf("/");
    const last = path.slice(slash + 1);
    const methods = last === "" ? undefined : this.#routes.get(`${path.slice(0, slash)}/{name}`);
    if (methods === undefined) return { methods, name: "" };
    try {
      return { methods, name: decodeURIComponent(last) };
    } catch {
      throw httpError(404, "path", `"${path}" is not encoded as a path has to be`);
    }
  }
}

function split(url: string): { path: string; query: URLSearchParams } {
  // A proxy may send the absolute form (RFC 9112, section 3.2.2).
  const local = url.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  return { path: path === "" ? "/" : path, query: new URLSearchParams(mark === -1 ? "" : local.slice(mark + 1)) };
}

/** Answers with a JSON value. */
export function answerJson(exchange: Exchange, value: unknown, status = 200): void {
  answerJsonText(exchange, JSON.stringify(value), status);
}

/** As {@link answerJson}, with JSON that is printed already. */
export function answerJsonText(exchange: Exchange, json: string, status = 200): void {
  send(exchange, status, "application/json; charset=utf-8", {}, `${json}\n`);
}

/** Answers with a problem; an answer that has begun is cut off so that it cannot be taken for a whole one. */
export function fail(exchange: Exchange, thrown: unknown): void {
  const { problem, headers, error } = problemOf(thrown, exchange.requestId);
  if (error.code === Code.Internal || error.code === Code.Unknown) {
    exchange.log.error({ err: error.cause ?? error }, "request failed");
  } else if (problem.status >= 500 && problem.status !== 503) {
    exchange.log.warn(describeError(error));
  }
  if (exchange.res.headersSent) {
    cutOff(exchange);
    return;
  }
  send(exchange, problem.status, "application/problem+json", headers, `${JSON.stringify(problem)}\n`);
}

function send(
  exchange: Exchange,
  status: number,
  contentType: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const { req, res, stream } = exchange;
  exchange.answered();
  const head: Record<string, string> = {
    "content-type": contentType,
    "content-length": String(Buffer.byteLength(body)),
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
