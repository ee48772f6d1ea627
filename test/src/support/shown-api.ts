import http from "node:http";
import type { AddressInfo } from "node:net";

/** A remote API for the console to show: it grows when told to, and can be made to fail. */
export class ShownApi {
  readonly #server: http.Server;
  readonly #items: string[] = [];
  #failure: { readonly status: number; readonly body: string } | undefined;

  private constructor() {
    this.#server = http.createServer((_request, response) => {
      if (this.#failure !== undefined) {
        response.writeHead(this.#failure.status, { "content-type": "application/json" }).end(this.#failure.body);
        return;
      }
      response.writeHead(200, { "content-type": "application/json" }).end(`[${this.#items.join(",")}]`);
    });
  }

  static async start(): Promise<ShownApi> {
    const api = new ShownApi();
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/items`;
  }

  /** Adds items: JSON texts, which need not make sense. */
  add(...items: readonly string[]): void {
    this.#items.push(...items);
  }

  /** Answers with an error from now on; undefined: as before. */
  fail(failure: { readonly status: number; readonly body: string } | undefined): void {
    this.#failure = failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
