import { setTimeout as sleep } from "node:timers/promises";
import kafkajs, { type Admin, type Kafka } from "kafkajs";
import type { Logger } from "@apispool/common/logger.js";
import { toKafkaError } from "./retry.js";

// Not a named import: Node does not see this name in what kafkajs exports, and the process ends before it begins. (jest
// loads modules in its own way, and does see it.)
const { ConfigResourceTypes } = kafkajs;

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** Topic settings, e.g. `retention.ms`. */
  readonly config: Readonly<Record<string, string>>;
  /** Copies; the broker's default unless given. */
  readonly replication?: number;
}

/** Kept for ever: Kafka is the storage, and the broker's default of seven days would lose unread records. */
export const keptForEver = { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" } as const;

/** Only the newest record of each key is kept; small segments, so that reading from the beginning stays quick. */
export const compacted = {
  "cleanup.policy": "compact",
  "segment.bytes": "1048576",
  "min.cleanable.dirty.ratio": "0.1",
} as const;

/**
 * Creates the topics that are missing, and verifies those that are there: a topic with other settings may lose records,
 * so the difference is warned of. It is not changed: somebody may have wanted it.
 */
export async function ensureTopics(
  kafka: Kafka,
  brokers: readonly string[],
  specs: readonly TopicSpec[],
  log: Logger,
): Promise<void> {
  const admin = kafka.admin({ retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 4 } });
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter(({ topic }) => !existing.has(topic));
    for (const part of inParts(missing)) await create(admin, part);
    for (const part of inParts(specs.filter(({ topic }) => existing.has(topic)))) await verify(admin, part, log);
  } catch (error) {
    throw toKafkaError(error, brokers);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** A controller takes no more than 10,000 changes at once, and each setting of a topic is one. */
const TOPICS_PER_REQUEST = 200;

function inParts(specs: readonly TopicSpec[]): readonly (readonly TopicSpec[])[] {
  const parts: TopicSpec[][] = [];
  for (let from = 0; from < specs.length; from += TOPICS_PER_REQUEST) {
    parts.push(specs.slice(from, from + TOPICS_PER_REQUEST));
  }
  return parts;
}

/** How often a broker is asked again that has not heard yet of a topic which its controller has just created. */
const NEWS_TRIES = 10;
const NEWS_MS = 100;

async function create(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      // False means that somebody else was faster, which is as good.
      await admin.createTopics({
        waitForLeaders: true,
        topics: specs.map(({ topic, partitions, config, replication = -1 }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replication,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        })),
      });
      return;
    } catch (error) {
      const news = (error as { type?: string }).type === "UNKNOWN_TOPIC_OR_PARTITION";
      if (!news || tries === NEWS_TRIES) throw error;
      await sleep(NEWS_MS);
    }
  }
}

async function verify(admin: Admin, specs: readonly TopicSpec[], log: Logger): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map(({ topic, config }) => ({
      type: ConfigResourceTypes.TOPIC,
      name: topic,
      configNames: Object.keys(config),
    })),
  });
  for (const { topic, config } of specs) {
    const entries = resources.find((r) => r.resourceName === topic)?.configEntries ?? [];
    for (const [name, wanted] of Object.entries(config)) {
      const actual = entries.find((e) => e.configName === name)?.configValue;
      if (actual !== undefined && actual !== wanted) {
        log.warn({ topic, setting: name, actual, wanted }, "a topic has another setting than Apispool gives it");
      }
    }
  }
}
