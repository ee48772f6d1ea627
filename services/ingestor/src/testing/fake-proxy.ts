import http from "node:http";
import net, { type AddressInfo } from "node:net";

/** A real HTTP proxy on the loopback, for plain requests and tunnels. Whatever host is asked for, it goes to the loopback. */
export class FakeProxy {
  readonly #server: http.Server;
  readonly #tunnels = new Set<net.Socket>();
  /** What it was asked for: `CONNECT host:port` or `GET http://…`. */
  readonly requests: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** Answers every request with this instead of passing it on. */
  refuseWith: number | undefined;
  /** Takes connections and says nothing. */
  silent = false;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      this.#note(request);
      if (this.silent) return;
      if (this.refuseWith !== undefined) {
        response.writeHead(this.refuseWith).end();
        return;
      }
      const { port, pathname, search } = new URL(request.url ?? "");
      const { "proxy-authorization": _credentials, ...headers } = request.headers;
      const onwards = http.request(
        { host: "127.0.0.1", port, path: pathname + search, method: request.method ?? "GET", headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      onwards.on("error", () => response.destroy());
      request.pipe(onwards);
    });
    this.#server.on("connect", (request, client: net.Socket) => {
      this.#note(request);
      this.#tunnels.add(client);
      client.on("error", () => undefined);
      client.once("close", () => this.#tunnels.delete(client));
      if (this.silent) return;
      if (this.refuseWith !== undefined) {
        client.end(`HTTP/1.1 ${this.refuseWith} No\r\n\r\n`);
        return;
      }
      const onwards = net.connect(Number(request.url?.split(":").at(-1)), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(onwards).pipe(client);
      });
      onwards.on("error", () => client.destroy());
      client.on("close", () => onwards.destroy());
    });
  }

  static async start(): Promise<FakeProxy> {
    const proxy = new FakeProxy();
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #note(request: http.IncomingMessage): void {
    this.requests.push(`${request.method} ${request.url}`);
    this.authorizations.push(request.headers["proxy-authorization"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#tunnels) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
