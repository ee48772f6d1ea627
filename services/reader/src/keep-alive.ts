import { setTimeout as sleep } from "node:timers/promises";
import kafkajs, { type Kafka } from "kafkajs";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Positions } from "./positions.js";

const DAY_MS = 86_400_000;
/** With less than this, in minutes, a reader that pauses over a holiday is forgotten while this service is down. */
const SAFE_MINUTES = 43_200;

/**
 * Kafka forgets the offsets of a group without members seven days after the last commit unless told otherwise (KIP-211).
 * So every known reader's position is committed again once a day, and a broker with a short setting is warned of.
 */
export async function keepReadersAlive(
  positions: Positions,
  kafka: Kafka,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await warnOfShortRetention(kafka, log);
  while (!signal.aborted) {
    try {
      for (const reader of await positions.readers(signal)) await positions.renew(reader);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: describeError(error) }, "readers' positions could not be renewed; tomorrow again");
    }
    await sleep(DAY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

async function warnOfShortRetention(kafka: Kafka, log: Logger): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 2 } });
  try {
    await admin.connect();
    const { controller, brokers } = await admin.describeCluster();
    const name = String(controller ?? brokers[0]?.nodeId ?? 0);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.BROKER, name, configNames: ["offsets.retention.minutes"] }],
    });
    const minutes = Number(resources[0]?.configEntries[0]?.configValue ?? Number.NaN);
    if (minutes < SAFE_MINUTES) {
      log.warn(
        { "offsets.retention.minutes": minutes },
        `Kafka forgets a reader ${Math.round(minutes / 1440)} days after it was last heard of here; raise offsets.retention.minutes on the brokers if Apispool may be down for that long`,
      );
    }
  } catch (error) {
    log.debug({ err: error }, "could not look at offsets.retention.minutes");
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
