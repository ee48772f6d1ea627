import { createHash } from "node:crypto";
import http from "node:http";
import { gzipSync } from "node:zlib";
import { type Catalogue, type FeedName, feeds } from "./catalogue.js";

const feedPath = "/earthquakes/feed/v1.0/summary/";

export interface DemoServerOptions {
  readonly catalogue: Catalogue;
  /** The wall clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** One state of a feed, as it goes over the wire. */
interface Rendered {
  /** When it came to be, in milliseconds since 1970. */
  readonly generated: number;
  readonly plain: Buffer;
  readonly gzip: () => Buffer;
  readonly tag: string;
}

/** The feeds over HTTP, with the validators and the caching that the original has. */
export function createDemoServer({ catalogue, now = Date.now }: DemoServerOptions): http.Server {
  const latest = new Map<FeedName, Rendered>();

  const render = (name: FeedName): Rendered => {
    const feed = catalogue.feed(name, now());
    const known = latest.get(name);
    if (known?.generated === feed.metadata.generated) return known;
    const plain = Buffer.from(JSON.stringify(feed));
    let compressed: Buffer | undefined;
    const rendered: Rendered = {
      generated: feed.metadata.generated,
      plain,
      gzip: () => (compressed ??= gzipSync(plain)),
      tag: createHash("sha256").update(plain).digest("base64url").slice(0, 22),
    };
    latest.set(name, rendered);
    return rendered;
  };

  return http.createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      sendJson(request, response, 405, { error: `${request.method ?? ""} is not allowed; use GET or HEAD` });
      return;
    }
    const { pathname } = new URL(request.url ?? "/", "http://demo");
    if (pathname === "/livez") {
      sendJson(request, response, 200, { status: "ok" });
      return;
    }
    if (pathname === "/") {
      const list = Object.entries(feeds).map(([name, { title }]) => ({ title, url: `${feedPath}${name}.geojson` }));
      sendJson(request, response, 200, { feeds: list });
      return;
    }
    const name = feedNamed(pathname);
    if (name === undefined) {
      sendJson(request, response, 404, { error: `nothing at ${pathname}; / lists the feeds` });
      return;
    }
    sendFeed(request, response, render(name), now());
  });
}

function feedNamed(pathname: string): FeedName | undefined {
  const name = /^\/earthquakes\/feed\/v1\.0\/summary\/(\w+)\.geojson$/.exec(pathname)?.[1];
  return name !== undefined && Object.hasOwn(feeds, name) ? (name as FeedName) : undefined;
}

function sendFeed(request: http.IncomingMessage, response: http.ServerResponse, feed: Rendered, nowMs: number): void {
  const gzip = acceptsGzip(request.headers["accept-encoding"]);
  // HTTP dates have whole seconds: a second that is not over yet cannot vouch for what may still change within it.
  const changed = Math.floor(feed.generated / 1000);
  const settled = changed < Math.floor(nowMs / 1000);
  response.setHeader("etag", gzip ? `"${feed.tag}-gzip"` : `"${feed.tag}"`);
  response.setHeader("last-modified", new Date((settled ? changed : changed - 1) * 1000).toUTCString());
  response.setHeader("cache-control", "public, max-age=1");
  response.setHeader("vary", "accept-encoding");
  response.setHeader("access-control-allow-origin", "*");
  const since = Date.parse(request.headers["if-modified-since"] ?? "");
  // RFC 9110, 13.1.3: If-None-Match, where it is given, decides alone.
  const unchanged =
    request.headers["if-none-match"] === undefined
      ? settled && changed * 1000 <= since
      : matches(request.headers["if-none-match"], feed.tag);
  if (unchanged) {
    response.writeHead(304).end();
    return;
  }
  const body = gzip ? feed.gzip() : feed.plain;
  if (gzip) response.setHeader("content-encoding", "gzip");
  response.writeHead(200, { "content-type": "application/json; charset=utf-8", "content-length": body.byteLength });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Weak comparison, as RFC 9110 has it for If-None-Match; either encoding's tag stands for the same content. */
function matches(header: string, tag: string): boolean {
  return header
    .split(",")
    .map((item) => item.trim().replace(/^W\//, ""))
    .some((item) => item === "*" || item === `"${tag}"` || item === `"${tag}-gzip"`);
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((item) => /^\s*(gzip|\*)\s*(;|$)/i.test(item) && !/;\s*q=0(\.0*)?\s*$/i.test(item));
}

function sendJson(request: http.IncomingMessage, response: http.ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value, undefined, 2)}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}
