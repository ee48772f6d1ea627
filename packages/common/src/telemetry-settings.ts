import type { EnvReader } from "./env.js";

/** What a service tells of itself, and to whom. */
export interface TelemetrySettings {
  /** Where the admin server listens (metrics, probes); undefined: there is none. */
  readonly metrics: MetricsAddress | undefined;
  /** Undefined: no traces, and nothing of OpenTelemetry is loaded. */
  readonly tracing: TracingSettings | undefined;
}

export interface MetricsAddress {
  /** host:port; port 0 takes a free one. */
  readonly address: string;
  /** Nobody asked for this port: where it is taken, another one will do. */
  readonly anyPort: boolean;
}

export interface TracingSettings {
  /** Where spans are sent to, by POST (OTLP/HTTP). */
  readonly url: string;
  readonly protocol: "http/protobuf" | "http/json";
  readonly sampler: (typeof samplers)[number];
  /** The share of traces that a sampler with `traceidratio` in its name takes, from 0 to 1. */
  readonly ratio: number;
  /** Spans that wait to be sent; more are dropped. */
  readonly queueSize: number;
  /** How long spans wait for others to be sent with, in milliseconds. */
  readonly delayMs: number;
  /** How long sending may take, with all repeats, in milliseconds. */
  readonly timeoutMs: number;
}

/** The specification's names (OpenTelemetry, "Environment Variable Specification"). */
const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Reads METRICS_ADDRESS and OTEL_*; what of the latter is not read here the exporter reads by itself. */
export function telemetrySettingsFromEnv(env: EnvReader, defaultAddress: string): TelemetrySettings {
  return { metrics: metricsAddressFromEnv(env, defaultAddress), tracing: tracingSettingsFromEnv(env) };
}

function metricsAddressFromEnv(env: EnvReader, fallback: string): MetricsAddress | undefined {
  const given = env.string("METRICS_ADDRESS");
  if (given === "off") return undefined;
  const [address = fallback, ...more] = env.addresses("METRICS_ADDRESS", [fallback]);
  const another = `${address.slice(0, address.lastIndexOf(":"))}:0`;
  if (more.length > 1 || (more.length === 1 && more[0] !== another)) {
    env.problem(
      "METRICS_ADDRESS",
      `"${given}" must be one address, or one and ${another} for when it is taken, or off`,
    );
  }
  return { address, anyPort: given === undefined || more.length > 0 };
}

function tracingSettingsFromEnv(env: EnvReader): TracingSettings | undefined {
  const base = env.httpUrl("OTEL_EXPORTER_OTLP_ENDPOINT");
  const exact = env.httpUrl("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const protocol = env.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", ["http/protobuf", "http/json"], "http/protobuf");
  const disabled = env.boolean("OTEL_SDK_DISABLED", false);
  const exporter = env.oneOf("OTEL_TRACES_EXPORTER", ["otlp", "none"], "otlp");
  const sampler = env.oneOf("OTEL_TRACES_SAMPLER", samplers, "parentbased_always_on");
  const ratio = env.number("OTEL_TRACES_SAMPLER_ARG", { fallback: 1, min: 0, max: 1 });
  const queueSize = env.integer("OTEL_BSP_MAX_QUEUE_SIZE", { fallback: 2048, min: 1, max: 1_000_000 });
  const delayMs = env.integer("OTEL_BSP_SCHEDULE_DELAY", { fallback: 5000, min: 0, max: 600_000 });
  const timeoutMs = env.integer("OTEL_EXPORTER_OTLP_TIMEOUT", { fallback: 10_000, min: 1, max: 600_000 });
  if (disabled || exporter === "none" || (base === undefined && exact === undefined)) return undefined;
  // The specification: the general endpoint is a base, the one for traces is taken as it is.
  const url = exact ?? `${(base ?? "").replace(/\/+$/, "")}/v1/traces`;
  return { url, protocol, sampler, ratio, queueSize, delayMs, timeoutMs };
}
