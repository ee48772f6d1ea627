import http from "node:http";
import type net from "node:net";
import { problemOf } from "../problem.js";
import { type Passed, limitHttpError } from "./exceeded.js";

/** How long a client that is refused may take over its first bytes, and over taking the refusal, in milliseconds. */
const lingerMs = 1000;

/** Frames of HTTP/2 (RFC 9113): an empty SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM and a text. */
function goaway(text: string): Buffer {
  const debug = Buffer.from(text);
  const head = Buffer.alloc(26);
  head[3] = 4;
  head.writeUIntBE(8 + debug.length, 9, 3);
  head[12] = 7;
  head.writeUInt32BE(0xb, 22);
  return Buffer.concat([head, debug]);
}

/** The bytes of an HTTP/1.1 answer to what is no request, or not listened to. */
export function rawAnswer(status: number, problem: unknown, headers = ""): string {
  const body = `${JSON.stringify(problem)}\n`;
  return (
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ""}\r\ncontent-type: application/problem+json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n${headers}connection: close\r\n\r\n${body}`
  );
}

/**
 * Tells a connection that it is one too many, in the form that its first bytes ask for, and ends it. Over TLS that
 * cannot be said for less than the connection costs: it is just closed.
 */
export function refuseConnection(socket: net.Socket, passed: Passed): void {
  const { problem } = problemOf(limitHttpError({ ...passed, retryAfterMs: 1000 }), "");
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.on("error", () => {});
  socket.once("close", () => clearTimeout(timer));
  socket.once("end", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    // What else comes is not wanted, but has to be taken so that the client gets to the answer.
    socket.resume();
    if (first[0] === 0x16) socket.destroy();
    else if (first.subarray(0, 4).toString("latin1") === "PRI ") socket.end(goaway(problem.detail));
    else socket.end(rawAnswer(problem.status, problem, "retry-after: 1\r\n"));
  });
}
