import { STATUS_CODES } from "node:http";
import { constants } from "node:http2";
import type net from "node:net";
import { httpError, problemOf } from "../problem.js";

/** How long the other side may take to hear why it was refused, in milliseconds. */
const lingerMs = 1000;

/** Tells, in the language that is spoken on a connection, why nothing is served on it, and ends it. */
export function refuseConnection(socket: net.Socket, wire: "http1" | "http2", status: number, why: string): void {
  socket.on("error", () => {});
  // What it still sends is read, so that the end of the connection is no reset, which would take the answer away.
  socket.resume();
  socket.end(wire === "http1" ? httpAnswer(status, why) : goodbye(why));
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function httpAnswer(status: number, why: string): string {
  const body = `${JSON.stringify(problemOf(httpError(status, "connection", why), "").problem)}\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-type: application/problem+json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  );
}

/** RFC 9113: an empty SETTINGS frame, as every connection begins, and GOAWAY with the reason as its debug data. */
function goodbye(why: string): Buffer {
  const text = Buffer.from(why);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const head = Buffer.alloc(17);
  head.writeUIntBE(8 + text.length, 0, 3);
  head.writeUInt8(7, 3);
  head.writeUInt32BE(constants.NGHTTP2_INADEQUATE_SECURITY, 13);
  return Buffer.concat([settings, head, text]);
}
