import type { EnvReader } from "@apispool/common/env.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";
import { type TelemetrySettings, telemetrySettingsFromEnv } from "@apispool/common/telemetry-settings.js";
import { type AccessSettings, accessSettingsFromEnv } from "./access/settings.js";
import { type Limits, limitsFromEnv } from "./limits/settings.js";
import { type ReaderPlace, readerPlacesFromEnv } from "./reader-addresses.js";
import { type TlsSettings, tlsSettingsFromEnv } from "./tls/settings.js";

/** Everything that the gateway is told; durations in milliseconds, sizes in bytes. */
export interface GatewayConfig {
  /** The address to listen on: loopback unless told otherwise; a container sets 0.0.0.0. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** host:port of the ingestor (WorkerControl). */
  readonly ingestorAddress: string;
  /** host:port of the store (RecordStore); undefined where none is switched on. */
  readonly storeAddress?: string | undefined;
  /** Where the reader processes are (DataReader). */
  readonly readers: readonly ReaderPlace[];
  /** How long a response may wait for evidence that its client has it; then its records are given back. */
  readonly deliveryTimeoutMs: number;
  /** How long an HTTP/1.1 connection may be idle after a response that needs evidence before it is half-closed. */
  readonly deliveryIdleMs: number;
  /** How long a connection may be idle that owes no evidence. */
  readonly idleTimeoutMs: number;
  /** How long an event stream may say nothing; then a comment is sent. */
  readonly heartbeatMs: number;
  /** The longest that a client may take over its first bytes, and over the headers of each request. */
  readonly headersTimeoutMs: number;
  /** The largest request body or message. */
  readonly maxBodyBytes: number;
  /** The most connections at a time; more are refused. */
  readonly maxConnections: number;
  /** TLS on the gateway's own port; undefined: cleartext. */
  readonly tls: TlsSettings | undefined;
  /** The gateway's certificate towards the services, and the authority of theirs; undefined: cleartext. */
  readonly serviceTls?: TlsFiles | undefined;
  /** Undefined: nobody is told of anything. */
  readonly telemetry?: TelemetrySettings;
  /** Who may do what; left out, everybody may do everything, as on loopback. */
  readonly access?: AccessSettings;
  /** Every other limit. */
  readonly limits: Limits;
}

/** Reads the gateway's configuration; problems are collected by the reader. */
export function gatewayConfigFromEnv(env: EnvReader): GatewayConfig {
  const [ingestorAddress = ""] = env.addresses("INGESTOR_ADDRESS", ["127.0.0.1:50051"]);
  const [storeAddress] = env.addresses("STORE_ADDRESS", []);
  const tls = tlsSettingsFromEnv(env);
  return {
    host: env.string("HOST", "127.0.0.1"),
    port: env.port("PORT", 3000),
    ingestorAddress,
    storeAddress,
    readers: readerPlacesFromEnv(env),
    deliveryTimeoutMs: env.durationMs("DELIVERY_TIMEOUT", { fallback: 300_000, min: 1000, max: 300_000 }),
    deliveryIdleMs: env.durationMs("DELIVERY_IDLE", { fallback: 1000, min: 10, max: 60_000 }),
    idleTimeoutMs: env.durationMs("IDLE_TIMEOUT", { fallback: 65_000, min: 1000, max: 3_600_000 }),
    heartbeatMs: env.durationMs("HEARTBEAT", { fallback: 15_000, min: 100, max: 60_000 }),
    headersTimeoutMs: env.durationMs("HEADERS_TIMEOUT", { fallback: 10_000, min: 100, max: 60_000 }),
    maxBodyBytes: env.integer("MAX_BODY_BYTES", { fallback: 1024 * 1024, min: 1024, max: 64 * 1024 * 1024 }),
    maxConnections: env.integer("MAX_CONNECTIONS", { fallback: 10_000, min: 1, max: 1_000_000 }),
    telemetry: telemetrySettingsFromEnv(env, "127.0.0.1:9464"),
    access: accessSettingsFromEnv(env, { host: env.string("HOST", "127.0.0.1"), tls: tls !== undefined }),
    limits: limitsFromEnv(env),
    tls,
    serviceTls: serviceTlsFromEnv(env),
  };
}
