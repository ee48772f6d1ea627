import { setTimeout as sleep } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import { toKafkaError } from "./retry.js";

/** How often it is looked whether brokers know of partitions that have just been added. */
const NEWS_TRIES = 10;
const NEWS_MS = 100;

/**
 * Raises the number of a topic's partitions where it has fewer; for topics whose records, if any, do not depend on it. Tells
 * how many there are then: fewer than wanted where that is not allowed, which is warned of.
 */
export async function ensurePartitions(
  kafka: Kafka,
  brokers: readonly string[],
  topic: string,
  wanted: number,
  log: Logger,
): Promise<number> {
  const admin = kafka.admin({ retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 4 } });
  const count = async (): Promise<number> =>
    (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length ?? 0;
  try {
    await admin.connect();
    let there = await count();
    if (there >= wanted) return there;
    let refused: unknown;
    await admin.createPartitions({ topicPartitions: [{ topic, count: wanted }] }).catch((error: unknown) => {
      // Or somebody else was faster, which is as good.
      refused = error;
    });
    for (let tries = 0; there < wanted && tries < NEWS_TRIES; tries += 1) {
      there = await count();
      if (there < wanted) await sleep(NEWS_MS);
    }
    if (there < wanted) {
      const err = refused === undefined ? undefined : describeError(refused);
      log.warn({ topic, partitions: there, wanted, err }, "a topic has fewer partitions than Apispool gives it");
    }
    return there;
  } catch (error) {
    throw toKafkaError(error, brokers);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
