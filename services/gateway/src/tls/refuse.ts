import { constants } from "node:http2";
import type net from "node:net";
import { rawAnswer } from "../limits/refusal.js";
import { httpError, problemOf } from "../problem.js";

/** How long the other side may take to hear why it was refused, in milliseconds. */
const lingerMs = 1000;

/** Tells, in the language that is spoken on a connection, why nothing is served on it, and ends it. */
export function refuseConnection(socket: net.Socket, wire: "http1" | "http2", status: number, why: string): void {
  socket.on("error", () => {});
  // What it still sends is read, so that the end of the connection is no reset, which would take the answer away.
  socket.resume();
  const { problem } = problemOf(httpError(status, "connection", why), "");
  socket.end(wire === "http1" ? rawAnswer(status, problem) : goodbye(why));
  setTimeout(() => socket.destroy(), lingerMs).unref();
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
