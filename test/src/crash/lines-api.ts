import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Version } from "./history.js";

const LINES_AT_ONCE = 250;

/** An API with one large answer: everything, a line each, from the beginning whenever it is asked. */
export class LinesApi {
  readonly #server: http.Server;
  /** Lines of the newest answer that have been sent, as far as can be known from here. */
  sent = 0;
  /** Answers that have begun. */
  answers = 0;

  private constructor(history: readonly Version[]) {
    const etag = '"everything"';
    this.#server = http.createServer((request, response) => {
      if (request.headers["if-none-match"] === etag) {
        response.writeHead(304, { etag }).end();
        return;
      }
      this.answers += 1;
      void this.#send(history, response, etag);
    });
  }

  static async start(history: readonly Version[]): Promise<LinesApi> {
    const api = new LinesApi(history);
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get source(): object {
    return {
      url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/lines`,
      interval: "1s",
      timeout: "1m",
      format: "ndjson",
      retry: { max_attempts: 5, initial: "20ms", max: "200ms" },
      // Far less than the answer has: what is written must be known by its place, not by its id.
      dedup: { window: 500 },
      autostart: true,
    };
  }

  async #send(history: readonly Version[], response: http.ServerResponse, etag: string): Promise<void> {
    const gone = once(response, "close");
    response.writeHead(200, { "content-type": "application/x-ndjson", etag });
    this.sent = 0;
    while (!response.destroyed && this.sent < history.length) {
      const lines = history.slice(this.sent, this.sent + LINES_AT_ONCE).map(({ text }) => `${text}\n`);
      const room = response.write(lines.join(""));
      this.sent += lines.length;
      if (!room) await Promise.race([once(response, "drain"), gone]);
    }
    response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
