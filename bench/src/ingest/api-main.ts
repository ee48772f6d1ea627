import http from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { recordText } from "./records.js";

/*
 * The API that is polled, in a process of its own: node api-main.js RECORDS BYTES PER_PAGE. Everything that it says is
 * made before it listens. It prints its port.
 *
 * /pages?page=K  a JSON page of records, and the number of the next; /lines  the same records, a line each
 * /quiet/NAME    something that never changes, with an ETag
 * /seen          what it was asked: for every path when, in milliseconds since the Unix epoch, and how often it said 304
 */
const [records = 0, bytes = 0, perPage = 1] = process.argv.slice(2).map(Number);
const QUIET = `[${recordText(1, 500)}]`;
const ETAG = '"never-changes"';

const pages: Buffer[] = [];
const lines: Buffer[] = [];
for (let from = 0; from < records; from += perPage) {
  const texts = Array.from({ length: Math.min(perPage, records - from) }, (_, i) => recordText(from + i, bytes));
  const next = from + perPage < records ? `,"next":"${pages.length + 1}"` : "";
  pages.push(Buffer.from(`{"items":[${texts.join(",")}]${next}}`));
  lines.push(Buffer.from(`${texts.join("\n")}\n`));
}

const asked = new Map<string, number[]>();
const notModified = new Map<string, number>();

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/seen") {
    const seen = { asked: Object.fromEntries(asked), notModified: Object.fromEntries(notModified) };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(seen));
    return;
  }
  const times = asked.get(pathname) ?? [];
  asked.set(pathname, times);
  times.push(Date.now());
  if (pathname.startsWith("/quiet/")) {
    if (request.headers["if-none-match"] === ETAG) {
      notModified.set(pathname, (notModified.get(pathname) ?? 0) + 1);
      response.writeHead(304, { etag: ETAG }).end();
    } else {
      response.writeHead(200, { "content-type": "application/json", etag: ETAG }).end(QUIET);
    }
  } else if (pathname.startsWith("/lines")) {
    void sendLines(response);
  } else {
    const page = pages[Number(searchParams.get("page") ?? 0)];
    response.writeHead(page === undefined ? 404 : 200, { "content-type": "application/json" }).end(page);
  }
});

async function sendLines(response: http.ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const gone = once(response, "close");
  for (const part of lines) {
    if (response.destroyed) return;
    if (!response.write(part)) await Promise.race([once(response, "drain"), gone]);
  }
  response.end();
}

server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
// Ends with who started it.
process.on("disconnect", () => process.exit(0));
