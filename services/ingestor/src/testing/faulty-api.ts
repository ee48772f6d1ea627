import type { IncomingMessage, ServerResponse } from "node:http";
import { FakeApi } from "./fake-api.js";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** One real HTTP server with an API for each source, at a path of its own; each can be broken and mended. */
export class FaultyApi {
  readonly #api: FakeApi;
  readonly #faults = new Map<string, Handler>();
  readonly #items = new Map<string, readonly object[]>();
  /** When each request came, by source, in milliseconds of a clock that never jumps. */
  readonly #came = new Map<string, number[]>();

  private constructor(api: FakeApi) {
    this.#api = api;
    api.answer((request, response) => {
      const name = new URL(request.url ?? "/", api.url).pathname.slice(1);
      this.cameAt(name).push(performance.now());
      const fault = this.#faults.get(name);
      if (fault !== undefined) fault(request, response);
      else
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify(this.#items.get(name) ?? []));
    });
  }

  static async start(): Promise<FaultyApi> {
    return new FaultyApi(await FakeApi.start());
  }

  urlOf(name: string): string {
    return this.#api.at("127.0.0.1", `/${name}`);
  }

  /** What the API has to show while nothing is broken. */
  show(name: string, items: readonly object[]): void {
    this.#items.set(name, items);
  }

  break(name: string, fault: Handler): void {
    this.#faults.set(name, fault);
  }

  mend(name: string): void {
    this.#faults.delete(name);
  }

  cameAt(name: string): number[] {
    const came = this.#came.get(name) ?? [];
    this.#came.set(name, came);
    return came;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
  }
}
