import net from "node:net";

/** Stands between client and server, and breaks connections off after any number of bytes. */
export class CutProxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  target = 0;
  /** How many bytes of the server's the next connection lets through. */
  bytes = Infinity;

  constructor() {
    this.#server = net.createServer((client) => this.#connect(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(client: net.Socket): void {
    let left = this.bytes;
    const server = net.connect(this.target, "127.0.0.1");
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      // What is broken off on purpose is no failure.
      socket.on("error", () => undefined);
    }
    client.on("data", (bytes) => server.write(bytes));
    client.on("end", () => server.end());
    server.on("end", () => client.end());
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
    server.on("data", (bytes: Buffer) => {
      client.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      client.resetAndDestroy();
      server.resetAndDestroy();
    });
  }
}
