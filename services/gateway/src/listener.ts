import net from "node:net";

/** What a connection speaks, told by its first bytes. */
export type Wire = "http1" | "http2" | "tls";

/** RFC 9113, section 3.4: what every HTTP/2 client says first. No HTTP/1.1 request can begin with it. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** RFC 8446, section 5.1: the first byte of a handshake. No HTTP request can begin with it. */
const handshake = 0x16;

/** Tells what the bytes are the beginning of; undefined while they could be either. */
export function wireOf(bytes: Uint8Array): Wire | undefined {
  if (bytes[0] === handshake) return "tls";
  const length = Math.min(bytes.length, preface.length);
  if (preface.compare(bytes, 0, length, 0, length) !== 0) return "http1";
  return length === preface.length ? "http2" : undefined;
}

export interface ListenerOptions {
  /** Connections that have not shown what they speak by then are closed; in milliseconds. */
  readonly firstBytesTimeoutMs: number;
  readonly maxConnections: number;
  /** Whether a connection may stay; one that may not has been dealt with. */
  readonly admit: (socket: net.Socket) => boolean;
  /** Takes a connection over; the bytes that were looked at are back in it. */
  readonly accept: (socket: net.Socket, wire: Wire) => void;
}

/** Connections that are on their way out: refused, or displaced. */
const refusedMeanwhile = 1000;

/** One port for HTTP/1.1, HTTP/2 and TLS: looks at the first bytes of every connection and hands it on. */
export class Listener {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** Of connections that are gone. */
  readonly #past = { received: 0, sent: 0 };

  constructor(options: ListenerOptions) {
    // Half-open, because a client's FIN and its reset say different things, and we are to hear both.
    this.#server = net.createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 },
      (socket) => this.#meet(socket, options),
    );
    // Beyond what `admit` lets in, because it has to see who comes.
    this.#server.maxConnections = options.maxConnections + refusedMeanwhile;
  }

  /** Resolves with the port; rejects with what the system says, EADDRINUSE for example. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host, backlog: 4096 }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    return (this.#server.address() as net.AddressInfo).port;
  }

  #meet(socket: net.Socket, { firstBytesTimeoutMs, admit, accept }: ListenerOptions): void {
    this.#sockets.add(socket);
    if (!admit(socket)) {
      socket.once("close", () => this.#sockets.delete(socket));
      return;
    }
    let seen: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), firstBytesTimeoutMs);
    const leave = (): void => {
      clearTimeout(timer);
      socket.off("data", look);
      socket.off("end", closeUnheard);
    };
    const closeUnheard = (): void => void socket.destroy();
    const look = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const wire = wireOf(seen);
      if (wire === undefined) return;
      leave();
      socket.pause();
      socket.unshift(seen);
      accept(socket, wire);
      if (wire === "http1") socket.resume();
    };
    socket.on("data", look);
    socket.on("end", closeUnheard);
    // A reset is no error of ours; whoever waits for the client's end hears it as well.
    socket.on("error", () => {});
    socket.on("close", () => {
      leave();
      this.#sockets.delete(socket);
      this.#past.received += socket.bytesRead;
      this.#past.sent += socket.bytesWritten;
    });
  }

  /** No new connections from now on. */
  close(): void {
    this.#server.close();
  }

  /** Bytes of all connections that there ever were. */
  get bytes(): { readonly received: number; readonly sent: number } {
    let { received, sent } = this.#past;
    for (const { bytesRead, bytesWritten } of this.#sockets) {
      received += bytesRead;
      sent += bytesWritten;
    }
    return { received, sent };
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves once every connection is gone. */
  async drained(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  /** Ends every connection at once. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
