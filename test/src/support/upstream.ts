import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Item {
  readonly id: string;
  readonly version: number;
}

/**
 * A remote API that can only be polled, and remembers everything that it ever showed: the truth that the records are
 * compared with. It answers with its newest items, oldest first, and with 304 where nothing changed.
 */
export class Upstream {
  readonly #server: http.Server;
  readonly #current = new Map<string, Item>();
  /** Every version of every item, in the order in which they came to be. */
  readonly history: Item[] = [];
  requests = 0;
  notModified = 0;
  #growth: NodeJS.Timeout | undefined;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      this.requests += 1;
      const body = JSON.stringify([...this.#current.values()]);
      const etag = `"${createHash("sha1").update(body).digest("hex")}"`;
      if (request.headers["if-none-match"] === etag) {
        this.notModified += 1;
        response.writeHead(304).end();
        return;
      }
      response.writeHead(200, { "content-type": "application/json", etag }).end(body);
    });
  }

  static async start(): Promise<Upstream> {
    const upstream = new Upstream();
    await new Promise<void>((resolve) => upstream.#server.listen(0, "127.0.0.1", resolve));
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/items`;
  }

  /** Adds a number of new items. */
  add(count: number): void {
    for (let i = 0; i < count; i += 1) this.#put({ id: `item-${this.#current.size}`, version: 1 });
  }

  /** Gives an item a new version. */
  revise(id: string): void {
    const item = this.#current.get(id);
    if (item !== undefined) this.#put({ id, version: item.version + 1 });
  }

  #put(item: Item): void {
    this.#current.set(item.id, item);
    this.history.push(item);
  }

  /** Goes on growing until told otherwise. */
  grow(count: number, everyMs: number): void {
    this.#growth = setInterval(() => this.add(count), everyMs);
  }

  stopGrowing(): void {
    clearInterval(this.#growth);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopGrowing();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
