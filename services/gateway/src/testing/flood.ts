import http2 from "node:http2";
import net from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/** Something that is done to a server until it is told to stop. */
export interface Flood {
  readonly stop: () => void;
  /** Connections that the server has ended. */
  readonly ended: () => number;
}

export interface SlowOptions {
  readonly port: number;
  readonly connections: number;
  /** How many addresses the connections come from: 127.0.0.2, 127.0.0.3 … */
  readonly addresses: number;
  /** What is sent at once. */
  readonly first: string;
  /** What is sent again and again after that, where anything is. */
  readonly drip?: string;
  /** Whether what comes is read. */
  readonly reads: boolean;
}

/** A flood that can be told to another process; bytes as base64. */
export type FloodKind =
  | ({ readonly kind: "slow" } & SlowOptions)
  | { readonly kind: "reset"; readonly port: number; readonly connections: number }
  | {
      readonly kind: "bytes";
      readonly port: number;
      readonly connections: number;
      readonly first: string;
      readonly again: string;
      readonly reads: boolean;
    };

/** Resolves once it has begun in full. */
export async function startFlood(flood: FloodKind): Promise<Flood> {
  switch (flood.kind) {
    case "slow":
      return slowConnections(flood);
    case "reset":
      return rapidReset(flood.port, flood.connections);
    case "bytes": {
      const { port, connections, reads } = flood;
      const [first, again] = [Buffer.from(flood.first, "base64"), Buffer.from(flood.again, "base64")];
      return byteFlood(port, { connections, first, again, reads });
    }
  }
}

/** Very many connections of which each does as little as it can get away with; resolves once all have been opened. */
async function slowConnections(options: SlowOptions): Promise<Flood> {
  const { port, connections, addresses, first, drip, reads } = options;
  const sockets = new Set<net.Socket>();
  let ended = 0;
  const opening = new Set<net.Socket>();
  for (let index = 0; index < connections; index += 1) {
    const socket = net.connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${2 + (index % addresses)}` });
    sockets.add(socket);
    opening.add(socket);
    socket.once("connect", () => opening.delete(socket));
    if (reads) socket.resume();
    else socket.pause();
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      opening.delete(socket);
      ended += 1;
    });
    socket.write(first);
    // Not faster than the kernel's queue of connections takes them.
    if (index % 200 === 199) await turn();
    while (opening.size > 1000) await sleep(5);
  }
  const timer = setInterval(() => {
    if (drip !== undefined) for (const socket of sockets) socket.write(drip);
  }, 1000);
  return {
    ended: () => ended,
    stop() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Streams that are opened and cancelled at once, on several connections that come again when they are ended (CVE-2023-44487);
 * resolves once the server has ended the first of them.
 */
async function rapidReset(port: number, connections: number): Promise<Flood> {
  let ended = 0;
  let stopped = false;
  const sessions = new Set<http2.ClientHttp2Session>();
  const open = (begun: () => void): void => {
    if (stopped) return;
    const session = http2.connect(`http://127.0.0.1:${port}`, {
      localAddress: "127.0.0.9",
    } as http2.ClientSessionOptions);
    sessions.add(session);
    let over = false;
    const burst = (): void => {
      if (over || stopped) return;
      for (let index = 0; index < 50 && !session.closed && !session.destroyed; index += 1) {
        const stream = session.request({ ":path": "/worker" });
        stream.on("error", () => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
      setTimeout(burst, 2);
    };
    session.once("connect", burst);
    session.on("error", () => {});
    session.once("close", () => {
      over = true;
      ended += 1;
      sessions.delete(session);
      begun();
      setTimeout(() => open(() => {}), 10);
    });
  };
  await Promise.race(Array.from({ length: connections }, () => new Promise<void>((resolve) => open(resolve))));
  return {
    ended: () => ended,
    stop() {
      stopped = true;
      for (const session of sessions) session.destroy();
    },
  };
}

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]);

/** The same bytes over and over, as fast as the server takes them; a connection that is ended comes again. */
function byteFlood(
  port: number,
  { connections, first, again, reads }: { connections: number; first: Buffer; again: Buffer; reads: boolean },
): Flood {
  let ended = 0;
  let stopped = false;
  const block = Buffer.concat(Array.from({ length: Math.max(1, Math.floor(16_384 / again.length)) }, () => again));
  const sockets = new Set<net.Socket>();
  const open = (): void => {
    if (stopped) return;
    const socket = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.8" });
    sockets.add(socket);
    if (reads) socket.resume();
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      ended += 1;
      setTimeout(open, 10);
    });
    const pour = (): void => {
      while (!socket.destroyed && socket.writable && socket.write(block));
    };
    socket.on("drain", pour);
    socket.write(first);
    pour();
  };
  for (let index = 0; index < connections; index += 1) open();
  return {
    ended: () => ended,
    stop() {
      stopped = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
