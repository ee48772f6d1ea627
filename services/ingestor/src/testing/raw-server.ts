import net from "node:net";
import type { AddressInfo } from "node:net";

/** A server that says what a test wants on a plain socket, HTTP or not. */
export class RawServer {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #connections = 0;

  private constructor(onConnection: (socket: net.Socket, number: number) => void) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
      this.#connections += 1;
      onConnection(socket, this.#connections);
    });
  }

  static async start(
    onConnection: (socket: net.Socket, number: number) => void,
    host = "127.0.0.1",
  ): Promise<RawServer> {
    const raw = new RawServer(onConnection);
    await new Promise<void>((resolve) => raw.#server.listen(0, host, resolve));
    return raw;
  }

  /** Answers every request with the same bytes, then closes in order. */
  static async saying(...parts: readonly (string | Buffer)[]): Promise<RawServer> {
    return await RawServer.start((socket) => {
      socket.once("data", () => {
        for (const part of parts) socket.write(part);
        socket.end();
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/data`;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Connections that are still open. */
  get open(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
