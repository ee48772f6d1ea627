import net from "node:net";
import { type Pair, type Work, workOf, write } from "./own-toxics.js";
import type { Stream, Toxic, Way, Ways } from "./way.js";

/** What stands in for toxiproxy where that cannot be had: the same ways, in this process. */
export class OwnWays implements Ways {
  readonly carrier: string;
  readonly #ways: OwnWay[] = [];

  /** `because`: why it is not toxiproxy. */
  constructor(because: string) {
    this.carrier = `a proxy of the suite's own (not toxiproxy: ${because})`;
  }

  async open(name: string, target: string, port = 0): Promise<Way> {
    const way = new OwnWay(name, target);
    await way.listen(port);
    this.#ways.push(way);
    return way;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ways.map(async (way) => way.close()));
  }
}

interface Active {
  readonly toxic: Toxic;
  readonly stream: Stream;
}

class OwnWay implements Way {
  readonly name: string;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #connections = new Set<Connection>();
  readonly #toxics = new Set<Active>();
  #server: net.Server | undefined;
  #port = 0;
  #cuts = 0;

  constructor(name: string, target: string) {
    this.name = name;
    const at = target.lastIndexOf(":");
    this.#target = { host: target.slice(0, at), port: Number(target.slice(at + 1)) };
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async listen(port: number): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const upstream = net.connect({ ...this.#target, allowHalfOpen: true });
      const connection = new Connection(client, upstream, () => this.#connections.delete(connection));
      this.#connections.add(connection);
      for (const active of this.#toxics) connection.add(active);
      client.resume();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as net.AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.reset();
    await closed;
  }

  async cut(): Promise<void> {
    this.#cuts += 1;
    if (this.#cuts === 1) await this.close();
  }

  async mend(): Promise<void> {
    if (this.#cuts === 0) return;
    this.#cuts -= 1;
    if (this.#cuts === 0) await this.listen(this.#port);
  }

  async hangUp(): Promise<void> {
    for (const connection of this.#connections) connection.close();
  }

  async add(toxic: Toxic, stream: Stream): Promise<() => Promise<void>> {
    const active = { toxic, stream };
    this.#toxics.add(active);
    for (const connection of this.#connections) connection.add(active);
    return async () => {
      this.#toxics.delete(active);
      for (const connection of this.#connections) connection.remove(active);
    };
  }
}

/** Both sides of one connection, and what is done to each direction. */
class Connection implements Pair {
  readonly #client: net.Socket;
  readonly #upstream: net.Socket;
  readonly #over = new AbortController();
  readonly #works: Readonly<Record<Stream, Map<Active, Work>>> = { upstream: new Map(), downstream: new Map() };

  constructor(client: net.Socket, upstream: net.Socket, ended: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.#over.abort();
        ended();
      });
    }
    void this.#pump(client, upstream, "upstream");
    void this.#pump(upstream, client, "downstream");
  }

  get closed(): AbortSignal {
    return this.#over.signal;
  }

  add(active: Active): void {
    this.#works[active.stream].set(active, workOf(active.toxic, this));
  }

  /** What has been held back is lost, and so is the connection: bytes do not vanish from the middle of one. */
  remove(active: Active): void {
    this.#works[active.stream].delete(active);
    if (active.toxic.type === "timeout") this.close();
  }

  close(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  async #pump(from: net.Socket, to: net.Socket, stream: Stream): Promise<void> {
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false }))
        for await (const out of this.#through(piece as Buffer, [...this.#works[stream].values()])) await write(to, out);
      const silent = [...this.#works[stream].keys()].some(({ toxic }) => toxic.type === "timeout");
      if (!silent) to.end();
    } catch {
      // The one side is broken: "close" has told the other.
    }
  }

  async *#through(piece: Buffer, [first, ...others]: readonly Work[]): AsyncIterable<Buffer> {
    if (first === undefined) yield piece;
    else for await (const out of first(piece)) yield* this.#through(out, others);
  }
}
