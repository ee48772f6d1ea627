import net from "node:net";
import type { ISocketFactory } from "kafkajs";
import { kafkajsSockets } from "./kafkajs-internals.js";
import { ResponseAssembler } from "./response-assembler.js";

/** As much as is read at a time, and the memory for it. */
const READ_BYTES = 128 * 1024;
/** As kafkajs has it, in milliseconds. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Sockets for kafkajs that read into the same memory all the time and give it whole responses. Otherwise every piece that
 * is read has memory of its own, and a response is put together from the pieces in memory of its own again: twice as much
 * to collect, and that is the larger part of what collecting costs a reader.
 */
export const readingSockets: ISocketFactory = (options) => {
  const { host, port, ssl, onConnect } = options;
  // TLS has buffers of its own.
  if (ssl) return kafkajsSockets(options);
  const assembler = new ResponseAssembler((response) => socket.emit("data", response));
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(length: number, bytes: Uint8Array): boolean {
      assembler.push(Buffer.from(bytes.buffer, bytes.byteOffset, length));
      return true;
    },
  };
  const socket: net.Socket = net.connect({ host, port, onread }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
};
