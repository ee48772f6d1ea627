import type { Socket } from "node:net";
import type { ISocketFactory } from "kafkajs";

/**
 * The sockets of one cluster, which all end with it. kafkajs connects anew where work that nobody waits for any more goes on behind its
 * `disconnect`, and forgets a connection over which it could not learn what brokers there are; nobody would ever close those.
 */
export class OwnSockets {
  readonly #make: ISocketFactory;
  readonly #open = new Set<Socket>();
  #isOver = false;

  constructor(make: ISocketFactory) {
    this.#make = make;
  }

  /** For kafkajs. */
  readonly factory: ISocketFactory = (options) => {
    const socket = this.#make(options);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    // With an error, or kafkajs would wait for it.
    if (this.#isOver) socket.destroy(new Error("these connections to Kafka have been closed"));
    return socket;
  };

  end(): void {
    this.#isOver = true;
    for (const socket of this.#open) socket.destroy();
  }
}
