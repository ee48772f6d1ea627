import http from "node:http";
import type { AddressInfo } from "node:net";
import { recordText } from "../ingest/records.js";

/*
 * An API that always has more, in a process of its own: node api-main.js PER_SECOND BYTES. Record n is there n / PER_SECOND seconds
 * after the start. It prints its port.
 *
 * /pages?after=N&page=M  a JSON page of what comes behind, 1,000 at most, and "next" where there is more
 * /lines?after=N         the same as NDJSON, 10,000 at most
 * /made                  how many there are
 */
const [perSecond = 1000, bytes = 500] = process.argv.slice(2).map(Number);
const PAGE = 1000;
const LINES = 10_000;
const begun = performance.now();

const made = (): number => Math.floor(((performance.now() - begun) / 1000) * perSecond);

function texts(from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => recordText(from + i + 1, bytes));
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const from = Number(searchParams.get("page") ?? searchParams.get("after") ?? 0);
  if (pathname === "/made") {
    response.end(String(made()));
  } else if (pathname === "/lines") {
    const lines = texts(from, Math.min(made(), from + LINES));
    response.writeHead(200, { "content-type": "application/x-ndjson" }).end(lines.map((line) => `${line}\n`).join(""));
  } else {
    const there = made();
    const to = Math.min(there, from + PAGE);
    const next = there - to >= PAGE ? `,"next":${to}` : "";
    const page = `{"items":[${texts(from, to).join(",")}]${next}}`;
    response.writeHead(200, { "content-type": "application/json" }).end(page);
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
// Ends with who started it.
process.on("disconnect", () => process.exit(0));
