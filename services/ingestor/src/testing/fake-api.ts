import http from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A real HTTP server on the loopback whose answers a test sets. */
export class FakeApi {
  readonly #server: http.Server;
  #handler: Handler = (_request, response) => response.writeHead(404).end();
  /** Every request so far. */
  readonly requests: http.IncomingMessage[] = [];

  private constructor() {
    this.#server = http.createServer((request, response) => {
      this.requests.push(request);
      this.#handler(request, response);
    });
  }

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/data`;
  }

  answer(handler: Handler): void {
    this.#handler = handler;
  }

  /** Answers with JSON, or with 304 where an ETag is given and the client has that. */
  answerJson(body: unknown, etag?: string): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    this.answer((request, response) => {
      if (etag !== undefined && request.headers["if-none-match"] === etag) {
        response.writeHead(304, { etag }).end();
        return;
      }
      response
        .writeHead(200, { "content-type": "application/json", ...(etag === undefined ? {} : { etag }) })
        .end(text);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
