import {
  ROOT_CONTEXT,
  type Context,
  type Link,
  type Span as OtelSpan,
  type Tracer as ApiTracer,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  isSpanContextValid,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  processDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TracingSettings } from "./telemetry-settings.js";
import { type Attributes, type Span, type SpanOptions, type Tracer, parseTraceparent } from "./tracing.js";

/** How long spans may take on their way at the end, in milliseconds: it must not hold up the process. */
const CLOSE_MS = 1500;

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Spans by OpenTelemetry's SDK, sent by OTLP over HTTP. Only loaded where traces are wanted. */
export class OtelTracer implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: ApiTracer;

  constructor({ url, protocol, timeoutMs, sampler, ratio, queueSize, delayMs }: TracingSettings, service: string) {
    const batch = {
      maxQueueSize: queueSize,
      maxExportBatchSize: Math.min(512, queueSize),
      scheduledDelayMillis: delayMs,
    };
    const Exporter = protocol === "http/json" ? JsonExporter : ProtobufExporter;
    const exporter = new Exporter({ url, timeoutMillis: timeoutMs });
    const detected = detectResources({
      detectors: [hostDetector, processDetector, serviceInstanceIdDetector, envDetector],
    });
    this.#provider = new TracerProvider({
      sampler: samplerOf(sampler, ratio),
      resource: defaultResource()
        .merge(resourceFromAttributes({ "service.name": service, "service.namespace": "apispool" }))
        .merge(detected),
      spanProcessors: [new BatchSpanProcessor({ exporter, ...batch })],
    });
    this.#tracer = this.#provider.getTracer("apispool");
  }

  start(name: string, { kind, parent, links, attributes }: SpanOptions = {}): Span {
    const span = this.#tracer.startSpan(
      name,
      {
        kind: kind === undefined ? SpanKind.INTERNAL : kinds[kind],
        ...(attributes === undefined ? {} : { attributes }),
        ...(links === undefined ? {} : { links: Array.from(links, linkTo).filter((link) => link !== undefined) }),
      },
      contextOf(parent),
    );
    return new OneSpan(span);
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

class OneSpan implements Span {
  readonly traceparent: string;
  readonly sampled: boolean;
  readonly #span: OtelSpan;

  constructor(span: OtelSpan) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.#span = span;
    this.sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    this.traceparent = `00-${traceId}-${spanId}-${this.sampled ? "01" : "00"}`;
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  fail(what: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: what });
  }

  end(): void {
    this.#span.end();
  }
}

function samplerOf(name: TracingSettings["sampler"], ratio: number): Sampler {
  const root = name.endsWith("always_on")
    ? new AlwaysOnSampler()
    : name.endsWith("always_off")
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  return name.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}

function spanContextOf(traceparent: string): Link["context"] | undefined {
  const parsed = parseTraceparent(traceparent);
  if (parsed === undefined) return undefined;
  const { traceId, spanId, flags } = parsed;
  const context = { traceId, spanId, traceFlags: flags & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

function contextOf(parent: string | undefined): Context {
  const context = parent === undefined ? undefined : spanContextOf(parent);
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function linkTo(traceparent: string): Link | undefined {
  const context = spanContextOf(traceparent);
  return context === undefined ? undefined : { context };
}
