import { type ISocketFactory, Kafka, type KafkaConfig, type LogEntry, logLevel } from "kafkajs";
import type { EnvReader } from "@apispool/common/env.js";
import type { Logger } from "@apispool/common/logger.js";
import { type KafkaSecurity, kafkaSecurityFromEnv, securityConfig } from "./security.js";
import { readingSockets } from "./sockets.js";

/** How to reach Kafka, and under which names Apispool keeps its things there. */
export interface KafkaSettings {
  /** host:port of one broker at least. */
  readonly brokers: readonly string[];
  /** What brokers show in their logs and quotas. */
  readonly clientId: string;
  /** The first part of every topic's, group's and transactional id's name. */
  readonly topicPrefix: string;
  readonly log: Logger;
  /** TLS and credentials; undefined: neither. */
  readonly security?: KafkaSecurity;
  /** How connections are made; tests let faults in here. */
  readonly socketFactory?: ISocketFactory;
}

/** Reads KAFKA_BROKERS and TOPIC_PREFIX, and the KAFKA_TLS and KAFKA_SASL variables. */
export function kafkaSettingsFromEnv(env: EnvReader, clientId: string): Omit<KafkaSettings, "log"> {
  const brokers = env.addresses("KAFKA_BROKERS", ["127.0.0.1:9092"]);
  const topicPrefix = env.string("TOPIC_PREFIX", "apispool");
  if (!/^[A-Za-z0-9._-]{1,60}$/.test(topicPrefix)) {
    env.problem("TOPIC_PREFIX", `"${topicPrefix}" must be 1 to 60 letters, digits, ".", "_" or "-"`);
  }
  return { brokers, clientId, topicPrefix, security: kafkaSecurityFromEnv(env) };
}

/** kafkajs's configuration: short, bounded retries, so that no call outlives a person's patience. */
export function kafkaConfig(settings: KafkaSettings): KafkaConfig {
  return {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: 1500,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 8 },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => forward(settings.log, entry),
    ...securityConfig(settings.security ?? {}),
    socketFactory: settings.socketFactory ?? readingSockets,
  };
}

/** A kafkajs client for producing and administration. */
export function createKafka(settings: KafkaSettings): Kafka {
  return new Kafka(kafkaConfig(settings));
}

/**
 * kafkajs logs at ERROR what passes by itself and what its caller reports anyway (a broker that is away, a coordinator
 * that still loads, a transaction whose marker is being written). So its lines are for those who look for detail.
 */
function forward(
  log: Logger,
  { level, namespace, log: { message, timestamp: _timestamp, logger: _logger, ...rest } }: LogEntry,
): void {
  if (level <= logLevel.WARN) log.debug({ kafkajs: namespace, ...rest }, message);
  else log.trace({ kafkajs: namespace, ...rest }, message);
}
