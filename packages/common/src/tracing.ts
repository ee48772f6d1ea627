import type { TracingSettings } from "./telemetry-settings.js";

/** The name of the W3C header, in HTTP, in gRPC's metadata and in Kafka's headers (CloudEvents: Distributed Tracing). */
export const traceparentHeader = "traceparent";

/** Some work that a trace shows. */
export interface Span {
  /** W3C Trace Context, to be handed on to whoever goes on with the work. */
  readonly traceparent: string;
  /** Whether anybody will ever see it. Where not, nothing need be found out for it. */
  readonly sampled: boolean;
  set(attributes: Attributes): void;
  /** The work has failed; tells with what, in words that may be shown. */
  fail(what: string): void;
  end(): void;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly kind?: "server" | "client" | "producer" | "consumer";
  /** A `traceparent`; what is none begins a trace of its own. */
  readonly parent?: string | undefined;
  /** `traceparent`s of work that this one goes back to without being its part. */
  readonly links?: Iterable<string>;
  readonly attributes?: Attributes;
}

/**
 * Makes spans. Whose part a span is, is told by `traceparent`, from hand to hand: nothing is kept in the background, so that
 * what is not traced costs nothing. Everywhere `undefined` stands for "there are no traces".
 */
export interface Tracer {
  start(name: string, options?: SpanOptions): Span;
  /** Sends what is still here. */
  close(): Promise<void>;
}

/** A traceparent in its parts; undefined where it is none (W3C Trace Context, version 00). */
export function parseTraceparent(
  text: string,
): { readonly traceId: string; readonly spanId: string; readonly flags: number } | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text);
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  // All zeros are not an id.
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Ends a span with the work that it is about; what the work fails with goes on. */
export async function traced<T>(span: Span | undefined, work: () => Promise<T>): Promise<T> {
  if (span === undefined) return await work();
  try {
    return await work();
  } catch (error) {
    span.fail(error instanceof Error ? error.name : "failed");
    throw error;
  } finally {
    span.end();
  }
}

/** Loads OpenTelemetry, which is not done where nobody asked for traces. `service` is its name unless OTEL_SERVICE_NAME is set. */
export async function startTracing(
  settings: TracingSettings | undefined,
  service: string,
): Promise<Tracer | undefined> {
  if (settings === undefined) return undefined;
  const { OtelTracer } = await import("./tracing-otel.js");
  return new OtelTracer(settings, service);
}
