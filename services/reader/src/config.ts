import type { EnvReader } from "@apispool/common/env.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";
import { type TelemetrySettings, telemetrySettingsFromEnv } from "@apispool/common/telemetry-settings.js";
import { type KafkaSettings, kafkaSettingsFromEnv } from "@apispool/kafka-log/settings.js";
import { type Database, databaseFromEnv } from "@apispool/record-store/database.js";
import { type ForeignTopic, foreignTopicsFromEnv } from "@apispool/kafka-log/foreign-topics.js";

/** Everything that the reader is told; durations in milliseconds, sizes in bytes. */
export interface ReaderConfig {
  /** host:port of the gRPC server; port 0 takes a free one. */
  readonly address: string;
  /** Who calls has to have a certificate of the same authority; undefined: cleartext. */
  readonly serviceTls?: TlsFiles | undefined;
  readonly kafka: Omit<KafkaSettings, "log">;
  /** How long a fetch waits for another one that holds the same reader; then it is ABORTED. */
  readonly busyWaitMs: number;
  /** About the most that one message of a stream holds; a larger record comes alone. */
  readonly batchBytes: number;
  /** The most that one request to Kafka brings, which is also what a stream keeps in memory ahead of its client. */
  readonly fetchBytes: number;
  /** About the most that is kept of the newest records, for all that follow them together. */
  readonly tailBytes: number;
  /** How long a live tail waits for Kafka to come back; then it ends with UNAVAILABLE. */
  readonly outageMs: number;
  /** What is read beside Apispool's own topics. */
  readonly topics: readonly ForeignTopic[];
  /** What is asked before Kafka for what it has of the records; undefined: Kafka alone is. */
  readonly database?: Database | undefined;
  /** Undefined: nobody is told of anything. */
  readonly telemetry?: TelemetrySettings;
  /** Of how many readers the metrics tell how far they are behind. */
  readonly metricsReaders?: number;
}

/** Reads the reader's configuration; problems are collected by the environment's reader. */
export function readerConfigFromEnv(env: EnvReader): ReaderConfig {
  const [address = "127.0.0.1:50052"] = env.addresses("READER_ADDRESS", ["127.0.0.1:50052"]);
  const kafka = kafkaSettingsFromEnv(env, "apispool-reader");
  return {
    address,
    serviceTls: serviceTlsFromEnv(env),
    kafka,
    topics: foreignTopicsFromEnv(env, kafka.topicPrefix),
    database: dataStoreFromEnv(env),
    busyWaitMs: env.durationMs("READER_WAIT", { fallback: 5000, min: 0, max: 60_000 }),
    batchBytes: env.integer("BATCH_BYTES", { fallback: 256 * 1024, min: 1024, max: 3 * 1024 * 1024 }),
    fetchBytes: env.integer("FETCH_BYTES", { fallback: 1024 * 1024, min: 1024, max: 64 * 1024 * 1024 }),
    tailBytes: env.integer("TAIL_BYTES", { fallback: 4 * 1024 * 1024, min: 64 * 1024, max: 1024 * 1024 * 1024 }),
    outageMs: env.durationMs("FOLLOW_OUTAGE", { fallback: 30_000, min: 0, max: 600_000 }),
    telemetry: telemetrySettingsFromEnv(env, "127.0.0.1:9466"),
    metricsReaders: env.integer("METRICS_READERS", { fallback: 100, min: 0, max: 10_000 }),
  };
}

/** DATA_STORE: `store` reads from the database that STORE names. */
function dataStoreFromEnv(env: EnvReader): Database | undefined {
  const from = env.oneOf("DATA_STORE", ["kafka", "store"], "kafka");
  const database = databaseFromEnv(env);
  if (from === "kafka") return undefined;
  if (database === undefined) env.problem("DATA_STORE", "store needs STORE: sqlite, sqlite:FOLDER or mongodb://…");
  return database;
}
