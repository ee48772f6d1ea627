import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { TracingSettings } from "./telemetry-settings.js";
import { type Tracer, parseTraceparent, startTracing, traced } from "./tracing.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const sampledParent = `00-${traceId}-b7ad6b7169203331-01`;
const unsampledParent = `00-${traceId}-b7ad6b7169203331-00`;

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

describe("spans by OpenTelemetry", () => {
  const spans: SentSpan[] = [];
  const raw: Buffer[] = [];
  const services = new Set<unknown>();
  let server: http.Server;
  let tracer: Tracer | undefined;

  beforeEach(async () => {
    spans.length = 0;
    server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (request.headers["content-type"] === "application/x-protobuf") {
          raw.push(Buffer.concat(chunks));
          response.end();
          return;
        }
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as {
          resourceSpans: {
            resource: { attributes: { key: string; value: { stringValue?: string } }[] };
            scopeSpans: { spans: SentSpan[] }[];
          }[];
        };
        for (const { resource, scopeSpans } of resourceSpans) {
          services.add(resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue);
          spans.push(...scopeSpans.flatMap((scope) => scope.spans));
        }
        response.end("{}");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  const start = async (but: Partial<TracingSettings> = {}): Promise<Tracer> => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
    const settings = {
      url,
      protocol: "http/json",
      sampler: "parentbased_always_on",
      ratio: 1,
      queueSize: 100,
      delayMs: 50,
      timeoutMs: 500,
      ...but,
    } as const;
    tracer = await startTracing(settings, "tested");
    if (tracer === undefined) throw new Error("there is no tracer");
    return tracer;
  };

  it("goes on with a trace by its traceparent, links, and tells what failed", async () => {
    const tracing = await start();
    const parent = tracing.start("outer", { kind: "server", parent: sampledParent });
    const other = tracing.start("elsewhere");
    const inner = tracing.start("inner", { parent: parent.traceparent, links: [other.traceparent, "nonsense"] });
    await expect(
      traced(inner, async () => {
        throw new TypeError("not to be seen");
      }),
    ).rejects.toThrow("not to be seen");
    parent.end();
    other.end();
    await tracing.close();
    const named = new Map(spans.map((span) => [span.name, span]));
    expect(named.get("outer")).toMatchObject({ traceId, parentSpanId: "b7ad6b7169203331" });
    expect(named.get("inner")).toMatchObject({
      traceId,
      parentSpanId: named.get("outer")?.spanId,
      links: [{ traceId: named.get("elsewhere")?.traceId, spanId: named.get("elsewhere")?.spanId }],
      status: { code: 2, message: "TypeError" },
    });
    expect(named.get("elsewhere")?.traceId).not.toBe(traceId);
    expect(JSON.stringify(spans)).not.toContain("not to be seen");
    expect([...services]).toEqual(["tested"]);
  });

  it("keeps what the sampler says, and tells it onwards", async () => {
    const tracing = await start({ sampler: "parentbased_traceidratio", ratio: 0 });
    const root = tracing.start("root");
    expect([root.sampled, root.traceparent.endsWith("-00")]).toEqual([false, true]);
    const wanted = tracing.start("wanted", { parent: sampledParent });
    expect([wanted.sampled, wanted.traceparent.endsWith("-01")]).toEqual([true, true]);
    expect(tracing.start("unwanted", { parent: unsampledParent }).sampled).toBe(false);
    for (const span of [root, wanted]) span.end();
    await tracing.close();
    expect(spans.map(({ name }) => name)).toEqual(["wanted"]);
  });

  it("speaks protobuf, too", async () => {
    const tracing = await start({ protocol: "http/protobuf" });
    tracing.start("said-in-protobuf").end();
    await tracing.close();
    // A message of length-delimited fields: its first is `resource_spans`.
    expect([raw.length, raw[0]?.[0], raw[0]?.includes("said-in-protobuf")]).toEqual([1, 0x0a, true]);
  });

  it("does not hold up the end where nobody takes the spans", async () => {
    const tracing = await start({ url: "http://127.0.0.1:9/v1/traces" });
    tracing.start("lost").end();
    await tracing.close();
    expect(spans).toEqual([]);
  });
});

describe("a traceparent", () => {
  it.each([
    "",
    "00-x",
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `01-${traceId}-1-1`,
  ])("is none: %s", (text) => expect(parseTraceparent(text)).toBeUndefined());

  it("is nothing that costs where there are no traces", async () => {
    expect(await startTracing(undefined, "tested")).toBeUndefined();
    expect(await traced(undefined, async () => 7)).toBe(7);
  });
});
