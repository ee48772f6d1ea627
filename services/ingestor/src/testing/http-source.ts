import type { NetworkConfig } from "../config/source-config.js";
import { type HttpClientDeps, type HttpSource, createHttpClient } from "../http/create-http-client.js";
import type { HttpClient, HttpRequest, HttpResponse } from "../http/http-client.js";
import { PollError } from "../poll-error.js";

type More = Partial<Omit<HttpSource, "request" | "network">> & { readonly network?: Partial<NetworkConfig> };

const never = new AbortController().signal;

/** A source's HTTP client under test. */
export class TestClient {
  readonly client: HttpClient;
  readonly #url: string;

  constructor(url: string, { network, ...more }: More = {}, deps: HttpClientDeps = {}) {
    this.#url = url;
    const text = { text: url, constant: true, render: () => url };
    this.client = createHttpClient(
      {
        request: {
          method: "GET",
          url: text,
          shownUrl: url,
          urlFromAnswer: false,
          headers: [],
          query: [],
          body: undefined,
        },
        auth: { type: "none" },
        rateLimit: undefined,
        network: {
          connectTimeoutMs: 5000,
          timeoutMs: 5000,
          maxBytes: 1_000_000,
          maxRedirects: 5,
          proxy: undefined,
          tls: { caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined },
          allowHosts: [],
          ...network,
        },
        ...more,
      },
      deps,
    );
  }

  async send(request: Partial<HttpRequest> = {}, signal: AbortSignal = never): Promise<HttpResponse> {
    return await this.client.send(
      { method: "GET", url: this.#url, headers: {}, fromAnswer: false, ...request },
      signal,
    );
  }

  /** Sends and reads to the end. */
  async text(request: Partial<HttpRequest> = {}, signal: AbortSignal = never): Promise<string> {
    const { body } = await this.send(request, signal);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  }

  /** Sends and reads, which has to fail. */
  async failure(request: Partial<HttpRequest> = {}): Promise<PollError> {
    const thrown: unknown = await this.text(request).then(
      (text) => new Error(`it succeeded: ${text.slice(0, 100)}`),
      (error: unknown) => error,
    );
    if (thrown instanceof PollError) return thrown;
    throw thrown as Error;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
