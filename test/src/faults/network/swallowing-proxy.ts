import net from "node:net";
import { Frames, type KafkaApi, correlationOf, requestHeader } from "./kafka-frames.js";

/** Which replies never arrive. */
export interface Swallowing {
  readonly apis: readonly KafkaApi[];
  /** Whether this one is to go, asked for each reply to such a request. */
  readonly decide: (api: KafkaApi) => boolean;
  /** What becomes of the connection: it stays as it is, or is closed in the reply's place. */
  readonly connection: "keep" | "close";
}

/**
 * Stands before a broker (cleartext), and can keep its replies to itself: the request has reached the broker, which has done what it
 * says, and the client does not learn of it. Nothing else finds that kafkajs loses what it sends after such a failure (docs in
 * ARCHITECTURE.md, "What must stay true", 1).
 */
export class SwallowingProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #rules = new Set<Swallowing>();
  readonly #target: { readonly host: string; readonly port: number };
  /** How many replies have been swallowed, by kind. */
  readonly swallowed: Partial<Record<KafkaApi, number>> = {};

  private constructor(target: string) {
    const at = target.lastIndexOf(":");
    this.#target = { host: target.slice(0, at), port: Number(target.slice(at + 1)) };
    this.#server = net.createServer((client) => this.#serve(client));
  }

  /** `target`: host:port of a broker's listener. */
  static async start(target: string): Promise<SwallowingProxy> {
    const proxy = new SwallowingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** From now on; the function ends it. */
  swallow(rule: Swallowing): () => void {
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  /** The next reply of one kind. Resolves when it has been swallowed. */
  swallowNext(api: KafkaApi, connection: "keep" | "close"): Promise<void> {
    return new Promise((resolve) => {
      const end = this.swallow({
        apis: [api],
        connection,
        decide: () => {
          end();
          resolve();
          return true;
        },
      });
    });
  }

  /** Closes the connections that are there. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.hangUp();
    await closed;
  }

  #serve(client: net.Socket): void {
    const broker = net.connect(this.#target);
    const asked = new Map<number, KafkaApi>();
    const requests = new Frames();
    const replies = new Frames();
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("end", () => other.end());
      one.on("drain", () => other.resume());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    const pass = (from: net.Socket, to: net.Socket, bytes: Buffer): void => {
      if (!to.destroyed && !to.writableEnded && !to.write(bytes)) from.pause();
    };
    client.on("data", (piece: Buffer) => {
      for (const frame of requests.take(piece)) {
        const { api, correlation } = requestHeader(frame);
        if (api !== undefined) asked.set(correlation, api);
      }
      // In the pieces in which it came: a broker that is told half of a request must not be told the whole of it.
      pass(client, broker, piece);
    });
    broker.on("data", (piece: Buffer) => {
      for (const reply of replies.take(piece)) {
        const correlation = correlationOf(reply);
        const rule = this.#ruleFor(asked.get(correlation));
        asked.delete(correlation);
        if (rule === undefined) {
          pass(broker, client, reply);
        } else if (rule.connection === "close") {
          client.destroy();
          return;
        }
      }
    });
  }

  #ruleFor(api: KafkaApi | undefined): Swallowing | undefined {
    if (api === undefined) return undefined;
    const rule = [...this.#rules].find(({ apis, decide }) => apis.includes(api) && decide(api));
    if (rule !== undefined) this.swallowed[api] = (this.swallowed[api] ?? 0) + 1;
    return rule;
  }
}
