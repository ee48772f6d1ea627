import { EnvReader } from "@apispool/common/env.js";

/** What a client may take, beyond what GatewayConfig has; durations in milliseconds, sizes in bytes. docs/limits.md explains each. */
export interface Limits {
  /** The most connections of one client at a time; see `clientOf`. */
  readonly clientConnections: number;
  /** The most requests under way, of all clients. */
  readonly requests: number;
  /** The most requests under way of one client, on all its connections. */
  readonly clientRequests: number;
  /** The most streams that are open on one HTTP/2 connection. */
  readonly streams: number;
  /** The size of a request's header fields, the names and values together. */
  readonly headerBytes: number;
  /** How many header fields a request may have. */
  readonly headers: number;
  /** The length of a request's target: path and query. */
  readonly urlBytes: number;
  /** How deep lists and objects may stand in each other in a body of JSON. */
  readonly jsonDepth: number;
  /** The longest that a client may take over a whole request, its body included. */
  readonly requestTimeoutMs: number;
  /** How long a service behind the gateway may say nothing where the client has set no deadline. */
  readonly answerTimeoutMs: number;
  /** How long a client may take nothing of an answer. */
  readonly stallTimeoutMs: number;
  /** How much may wait in all for clients that do not take it. */
  readonly stalledBytes: number;
  /** How long an HTTP/2 connection may be silent that has no stream open. */
  readonly http2IdleMs: number;
  /** How many streams a client may cancel at once on one connection. */
  readonly resetBurst: number;
  /** How many more a second. */
  readonly resetRate: number;
}

/** Reads the limits from the environment; problems are collected by the reader. */
export function limitsFromEnv(env: EnvReader): Limits {
  const count = (name: string, fallback: number, min = 1): number =>
    env.integer(name, { fallback, min, max: 1_000_000 });
  return {
    clientConnections: count("MAX_CLIENT_CONNECTIONS", 2000),
    requests: count("MAX_REQUESTS", 4000),
    clientRequests: count("MAX_CLIENT_REQUESTS", 2000),
    streams: count("MAX_STREAMS", 100),
    headerBytes: env.integer("MAX_HEADER_BYTES", { fallback: 16_384, min: 1024, max: 1024 * 1024 }),
    headers: env.integer("MAX_HEADERS", { fallback: 100, min: 10, max: 2000 }),
    urlBytes: env.integer("MAX_URL_BYTES", { fallback: 8192, min: 256, max: 65_536 }),
    jsonDepth: env.integer("MAX_JSON_DEPTH", { fallback: 32, min: 4, max: 1000 }),
    requestTimeoutMs: env.durationMs("REQUEST_TIMEOUT", { fallback: 60_000, min: 1000, max: 3_600_000 }),
    answerTimeoutMs: env.durationMs("ANSWER_TIMEOUT", { fallback: 60_000, min: 100, max: 3_600_000 }),
    stallTimeoutMs: env.durationMs("STALL_TIMEOUT", { fallback: 300_000, min: 100, max: 3_600_000 }),
    stalledBytes: env.integer("MAX_STALLED_BYTES", { fallback: 64 * 1024 * 1024, min: 1024 * 1024, max: 2 ** 36 }),
    http2IdleMs: env.durationMs("HTTP2_IDLE_TIMEOUT", { fallback: 600_000, min: 1000, max: 86_400_000 }),
    resetBurst: count("MAX_RESETS", 200),
    resetRate: count("MAX_RESETS_PER_SECOND", 33),
  };
}

/** What holds where nothing is set. */
export const defaultLimits: Limits = limitsFromEnv(new EnvReader({}));
