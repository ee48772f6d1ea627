import type { EnvReader } from "@apispool/common/env.js";
import { kafkaSettingsFromEnv, type KafkaSettings } from "@apispool/kafka-log/settings.js";
import { createHash } from "node:crypto";
import type { SourceConfig } from "./config/source-config.js";
import type { SourceParts } from "./poll/source-parts.js";
import { parsePath } from "./extract/json-path.js";
import { constant, pathExpression } from "./legacy.js";

export interface IngestorConfig {
  /** host:port of the gRPC server; port 0 takes a free one. */
  readonly address: string;
  readonly kafka: Omit<KafkaSettings, "log">;
  readonly sources: readonly SourceConfig[];
  /** How sources are polled; tests have ways of their own. */
  readonly makeParts?: (config: SourceConfig) => SourceParts;
}

/** Reads the ingestor's configuration; problems are collected by the reader. */
export function ingestorConfigFromEnv(env: EnvReader): IngestorConfig {
  const [address = "127.0.0.1:50051"] = env.addresses("INGESTOR_ADDRESS", ["127.0.0.1:50051"]);
  return { address, kafka: kafkaSettingsFromEnv(env, "apispool-ingestor"), sources: [sourceFromEnv(env)] };
}

function sourceFromEnv(env: EnvReader): SourceConfig {
  const name = env.string("SOURCE_NAME", "default");
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
    env.problem("SOURCE_NAME", `"${name}" must be 1 to 100 letters, digits, ".", "_" or "-"`);
  }
  // Whether it is set is asked first: a URL that is set but wrong is reported by httpUrl, and only once.
  if (env.string("SOURCE_URL") === undefined) {
    env.problem("SOURCE_URL", "must be set: the http:// or https:// address of the API to poll");
  }
  const records = pathFromEnv(env, "SOURCE_RECORDS");
  const id = pathFromEnv(env, "SOURCE_ID");
  const eventTime = pathFromEnv(env, "SOURCE_EVENT_TIME");
  const url = env.httpUrl("SOURCE_URL", "");
  const headers = headersFromEnv(env);
  const question = JSON.stringify([url, headers, records ?? null, id ?? null, eventTime ?? null]);
  return {
    name,
    request: {
      method: "GET",
      url: constant(url),
      headers: Object.entries(headers).map(([header, value]) => [header, constant(value)] as const),
      query: [],
      body: undefined,
    },
    auth: { type: "none" },
    network: {
      connectTimeoutMs: 5000,
      timeoutMs: env.durationMs("SOURCE_TIMEOUT", { fallback: 10_000, min: 10, max: 3_600_000 }),
      maxBytes: env.integer("SOURCE_MAX_BYTES", { fallback: 64 * 1024 * 1024, min: 1, max: 512 * 1024 * 1024 }),
      maxRedirects: 5,
      proxy: undefined,
      tls: { caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined },
      allowHosts: [],
    },
    schedule: {
      kind: "interval",
      intervalMs: env.durationMs("SOURCE_INTERVAL", { fallback: 2000, min: 10, max: 86_400_000 }),
      adaptive: false,
      jitter: 0,
    },
    retry: { maxAttempts: 5, initialMs: 500, maxMs: 60_000, openAfter: 10 },
    rateLimit: undefined,
    pagination: { type: "none", maxPages: 1000, stopWhen: undefined },
    cursor: undefined,
    extract: {
      format: "json",
      charset: undefined,
      records: records === undefined ? undefined : pathExpression(records),
      id: id === undefined ? undefined : [pathExpression(id)],
      eventTime: eventTime === undefined ? undefined : pathExpression(eventTime),
      key: undefined,
      filter: undefined,
      project: undefined,
      csv: { delimiter: ",", header: true, columns: undefined },
      maxRecordBytes: 8 * 1024 * 1024,
    },
    dedupWindow: env.integer("DEDUP_WINDOW", { fallback: 100_000, min: 1, max: 5_000_000 }),
    topic: { partitions: 1, retentionMs: undefined, replication: undefined },
    parent: undefined,
    autostart: env.boolean("SOURCE_AUTOSTART", false),
    fingerprint: createHash("sha256").update(question).digest("hex").slice(0, 32),
  };
}

function pathFromEnv(env: EnvReader, name: string): string | undefined {
  const text = env.string(name);
  if (text === undefined) return undefined;
  if (parsePath(text) !== undefined) return text;
  env.problem(name, `"${text}" is not a path of names with dots between them, such as data.items`);
  return undefined;
}

function headersFromEnv(env: EnvReader): Readonly<Record<string, string>> {
  const text = env.string("SOURCE_HEADERS");
  if (text === undefined) return {};
  // The value may hold credentials, so it is not repeated in the message.
  const wrong = 'must be a JSON object of strings, such as {"authorization":"Bearer …"}';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    env.problem("SOURCE_HEADERS", wrong);
    return {};
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    env.problem("SOURCE_HEADERS", wrong);
    return {};
  }
  const headers: Record<string, string> = {};
  for (const [header, content] of Object.entries(value)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(header)) {
      env.problem("SOURCE_HEADERS", `"${header}" is not the name of an HTTP header`);
    } else if (typeof content !== "string" || !/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(content)) {
      env.problem("SOURCE_HEADERS", `the value of "${header}" must be a string without line breaks`);
    } else {
      headers[header] = content;
    }
  }
  return headers;
}
