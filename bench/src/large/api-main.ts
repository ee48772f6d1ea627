import http from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { recordText } from "../ingest/records.js";

/*
 * An API whose answers are large, in a process of its own: node api-main.js RECORDS BYTES. It makes them while it sends
 * them, no faster than they are taken, and prints its port.
 *
 * /ndjson  a line for each record; /csv  the same records, with a header
 */
const [records = 0, bytes = 0] = process.argv.slice(2).map(Number);
const PER_PIECE = 200;

const bodies: Readonly<Record<string, { type: string; head: string; line: (n: number) => string }>> = {
  "/ndjson": { type: "application/x-ndjson", head: "", line: (n) => recordText(n, bytes) },
  "/csv": { type: "text/csv", head: "id,n,updated,text\n", line: csvLine },
};

const server = http.createServer((request, response) => {
  const body = bodies[request.url ?? ""];
  if (body === undefined) {
    response.writeHead(404).end();
    return;
  }
  void send(response, body.type, body.head, body.line);
});

async function send(response: http.ServerResponse, type: string, head: string, line: (n: number) => string) {
  response.writeHead(200, { "content-type": type });
  response.write(head);
  const gone = once(response, "close");
  for (let from = 0; from < records; from += PER_PIECE) {
    const count = Math.min(PER_PIECE, records - from);
    const piece = Array.from({ length: count }, (_, i) => `${line(from + i)}\n`).join("");
    if (response.destroyed) return;
    if (!response.write(piece)) await Promise.race([once(response, "drain"), gone]);
  }
  response.end();
}

function csvLine(n: number): string {
  const { id, updated, text } = JSON.parse(recordText(n, bytes)) as { id: string; updated: string; text: string };
  return `${id},${n},${updated},"${text} ${"csv ".repeat(10)}"`;
}

server.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
// Ends with who started it.
process.on("disconnect", () => process.exit(0));
