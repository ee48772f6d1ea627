import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

interface FakeApiOptions {
  /** Which of the loopback's addresses: 127.0.0.1 unless given. */
  readonly host?: string;
  /** Makes it https. */
  readonly tls?: https.ServerOptions;
}

/** A real HTTP server on the loopback whose answers a test sets. */
export class FakeApi {
  readonly #server: http.Server | https.Server;
  readonly #host: string;
  readonly #scheme: string;
  #handler: Handler = (_request, response) => response.writeHead(404).end();
  /** Every request so far. */
  readonly requests: http.IncomingMessage[] = [];

  private constructor({ host = "127.0.0.1", tls }: FakeApiOptions) {
    const listener: Handler = (request, response) => {
      this.requests.push(request);
      this.#handler(request, response);
    };
    this.#host = host;
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  }

  static async start(options: FakeApiOptions = {}): Promise<FakeApi> {
    const api = new FakeApi(options);
    await new Promise<void>((resolve) => api.#server.listen(0, api.#host, resolve));
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return this.at(this.#host);
  }

  /** Its address by another name. */
  at(host: string, path = "/data"): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
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
