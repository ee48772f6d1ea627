import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it was received. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan extends Omit<ReceivedSpan, "service" | "attributes" | "links" | "parentSpanId"> {
  readonly parentSpanId?: string;
  readonly links?: ReceivedSpan["links"];
  readonly attributes?: readonly WireAttribute[];
}

interface WireRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly WireAttribute[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[];
  }[];
}

/** Takes traces as a collector does: OTLP over HTTP, in JSON. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly #server = http.createServer((request, response) => void this.#take(request, response));

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  byId(spanId: string | undefined): ReceivedSpan | undefined {
    return this.spans.find((span) => span.spanId === spanId);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/json") {
      response.writeHead(404).end();
      return;
    }
    const { resourceSpans = [] } = JSON.parse(Buffer.concat(chunks).toString()) as WireRequest;
    for (const { resource, scopeSpans = [] } of resourceSpans) {
      const service = plain(resource?.attributes)["service.name"];
      for (const span of scopeSpans.flatMap(({ spans = [] }) => spans)) {
        const { name, traceId, spanId, parentSpanId = "", links = [] } = span;
        const attributes = plain(span.attributes);
        this.spans.push({ service: String(service), name, traceId, spanId, parentSpanId, links, attributes });
      }
    }
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }
}

function plain(attributes: readonly WireAttribute[] = []): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
