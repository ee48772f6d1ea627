import { once } from "node:events";
import net from "node:net";
import type { AddressInfo } from "node:net";

/** What lies between two processes: a TCP proxy that can be cut, as when the other one is killed, and frozen. */
export class Cable {
  readonly #target: string;
  readonly #sockets = new Set<net.Socket>();
  readonly #near = new Set<net.Socket>();
  #server: net.Server | undefined;
  #port = 0;
  #frozen = false;

  private constructor(target: string) {
    this.#target = target;
  }

  static async to(target: string): Promise<Cable> {
    const cable = new Cable(target);
    await cable.mend();
    return cable;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Ends every connection, and refuses new ones. */
  cut(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#near) socket.destroy();
  }

  async mend(): Promise<void> {
    this.#server = net.createServer((near) => this.#connect(near)).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connections are taken and stay open, and nothing comes through any more: a process that was stopped. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #connect(near: net.Socket): void {
    const [host, port] = this.#target.split(":");
    const far = net.connect(Number(port), host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (bytes: Buffer) => {
        if (!to.destroyed) to.write(bytes);
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        // The process at the far end is ours, and wants an end in order.
        if (to === far) far.end();
        else to.destroy();
      });
      if (this.#frozen) from.pause();
    }
    this.#near.add(near);
    near.on("close", () => this.#near.delete(near));
  }
}
