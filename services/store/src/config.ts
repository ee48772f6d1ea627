import type { EnvReader } from "@apispool/common/env.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import { type TelemetrySettings, telemetrySettingsFromEnv } from "@apispool/common/telemetry-settings.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";
import { type ForeignTopic, foreignTopicsFromEnv } from "@apispool/kafka-log/foreign-topics.js";
import { type KafkaSettings, kafkaSettingsFromEnv } from "@apispool/kafka-log/settings.js";
import { DEFAULT_FOLDER, type Database, databaseFromEnv } from "@apispool/record-store/database.js";
import { type TtlRule, ttlFromEnv } from "./ttl.js";

/** Everything that the store is told; durations in milliseconds, sizes in bytes. */
export interface StoreConfig {
  /** host:port of the gRPC server; port 0 takes a free one. */
  readonly address: string;
  /** Who calls has to have a certificate of the same authority; undefined: cleartext. */
  readonly serviceTls?: TlsFiles | undefined;
  readonly kafka: Omit<KafkaSettings, "log">;
  readonly database: Database;
  /** What is followed beside Apispool's own topics. */
  readonly topics: readonly ForeignTopic[];
  /** How long records are kept; where nothing is said of a source, for ever. */
  readonly ttl?: readonly TtlRule[];
  /** The most that one request to Kafka brings; about three times as much is in memory. */
  readonly fetchBytes: number;
  /** About the most that one message of a query's answer holds; a larger record comes alone. */
  readonly batchBytes: number;
  /** How many records one query may look at. */
  readonly queryScan: number;
  /** How long the database may work for one query. */
  readonly queryTimeMs: number;
  /** How many queries there may be at a time. */
  readonly queries: number;
  /** Undefined: nobody is told of anything. */
  readonly telemetry?: TelemetrySettings;
}

/** Reads the store's configuration; problems are collected by the environment's reader. */
export function storeConfigFromEnv(env: EnvReader): StoreConfig {
  const [address = "127.0.0.1:50053"] = env.addresses("STORE_ADDRESS", ["127.0.0.1:50053"]);
  const kafka = kafkaSettingsFromEnv(env, "apispool-store");
  return {
    address,
    serviceTls: serviceTlsFromEnv(env),
    kafka,
    database: databaseFromEnv(env) ?? { kind: "sqlite", folder: DEFAULT_FOLDER },
    topics: foreignTopicsFromEnv(env, kafka.topicPrefix),
    ttl: ttlFromEnv(env),
    fetchBytes: env.integer("STORE_FETCH_BYTES", { fallback: 2 * 1024 * 1024, min: 1024, max: 64 * 1024 * 1024 }),
    batchBytes: env.integer("BATCH_BYTES", { fallback: 256 * 1024, min: 1024, max: 3 * 1024 * 1024 }),
    queryScan: env.integer("STORE_QUERY_SCAN", { fallback: 1_000_000, min: 1, max: 1_000_000_000 }),
    queryTimeMs: env.durationMs("STORE_QUERY_TIME", { fallback: 5000, min: 1, max: 600_000 }),
    queries: env.integer("STORE_QUERIES", { fallback: 100, min: 1, max: 10_000 }),
    telemetry: telemetrySettingsFromEnv(env, "127.0.0.1:9467"),
  };
}
