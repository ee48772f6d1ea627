import net from "node:net";

/** A TCP proxy that can cut its connections as a network does that fails: with a reset to both sides. */
export class CuttingProxy {
  readonly #server: net.Server;
  readonly #pairs = new Set<readonly [net.Socket, net.Socket]>();
  /** What clients have asked, head by head. */
  readonly requests: string[] = [];
  /** Cuts the next connection on which an event stream comes once so many bytes of it were passed on. */
  cutAfter: number | undefined;
  cuts = 0;

  private constructor(target: URL) {
    this.#server = net.createServer((client) => this.#serve(client, target));
  }

  static async start(targetUrl: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(targetUrl));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  #serve(client: net.Socket, target: URL): void {
    const server = net.connect(Number(target.port), target.hostname);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    let stream = false;
    let passed = 0;
    client.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      this.requests.push(text);
      stream ||= text.includes("text/event-stream");
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      const left = stream && this.cutAfter !== undefined ? this.cutAfter - passed : Number.POSITIVE_INFINITY;
      client.write(chunk.subarray(0, Math.min(left, chunk.length)));
      passed += chunk.length;
      if (chunk.length < left) return;
      this.cutAfter = undefined;
      this.#cut(pair);
    });
    const over = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on("end", over).on("error", over).on("close", over);
  }

  #cut(pair: readonly [net.Socket, net.Socket]): void {
    this.cuts += 1;
    this.#pairs.delete(pair);
    for (const socket of pair) socket.resetAndDestroy();
  }

  /** Cuts every connection there is. */
  cutAll(): void {
    for (const pair of this.#pairs) this.#cut(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
