import type { EnvReader } from "@apispool/common/env.js";
import { kafkaSettingsFromEnv, type KafkaSettings } from "@apispool/kafka-log/settings.js";
import { parsePath, type JsonPath } from "./extract/json-path.js";

/** One remote API that is polled into one records topic. */
export interface SourceConfig {
  readonly name: string;
  readonly url: string;
  /** From the beginning of one poll to the beginning of the next, in milliseconds. */
  readonly intervalMs: number;
  /** The longest a whole request may take, its body included, in milliseconds. */
  readonly timeoutMs: number;
  /** Where the list of records is in the answer; undefined: found by itself. */
  readonly recordsPath?: JsonPath;
  /** Where a record's id is in the record; undefined: `id` where there is one, else the hash of its content. */
  readonly idPath?: JsonPath;
  /** Where a record's event time is in the record. */
  readonly eventTimePath?: JsonPath;
  /** The largest answer that is taken, decompressed, in bytes. */
  readonly maxBytes: number;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether to poll where nobody ever said Start or Stop. */
  readonly autostart: boolean;
  /** How many ids are remembered, so that an unchanged record is not written again. */
  readonly dedupWindow: number;
}

export interface IngestorConfig {
  /** host:port of the gRPC server; port 0 takes a free one. */
  readonly address: string;
  readonly kafka: Omit<KafkaSettings, "log">;
  readonly sources: readonly SourceConfig[];
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
  const recordsPath = pathFromEnv(env, "SOURCE_RECORDS");
  const idPath = pathFromEnv(env, "SOURCE_ID");
  const eventTimePath = pathFromEnv(env, "SOURCE_EVENT_TIME");
  return {
    name,
    url: env.httpUrl("SOURCE_URL", ""),
    intervalMs: env.durationMs("SOURCE_INTERVAL", { fallback: 2000, min: 10, max: 86_400_000 }),
    timeoutMs: env.durationMs("SOURCE_TIMEOUT", { fallback: 10_000, min: 10, max: 3_600_000 }),
    ...(recordsPath === undefined ? {} : { recordsPath }),
    ...(idPath === undefined ? {} : { idPath }),
    ...(eventTimePath === undefined ? {} : { eventTimePath }),
    maxBytes: env.integer("SOURCE_MAX_BYTES", { fallback: 64 * 1024 * 1024, min: 1, max: 512 * 1024 * 1024 }),
    headers: headersFromEnv(env),
    autostart: env.boolean("SOURCE_AUTOSTART", false),
    dedupWindow: env.integer("DEDUP_WINDOW", { fallback: 100_000, min: 1, max: 5_000_000 }),
  };
}

function pathFromEnv(env: EnvReader, name: string): JsonPath | undefined {
  const text = env.string(name);
  if (text === undefined) return undefined;
  const path = parsePath(text);
  if (path === undefined)
    env.problem(name, `"${text}" is not a path of names with dots between them, such as data.items`);
  return path;
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
