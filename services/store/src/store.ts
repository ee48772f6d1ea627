import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { callObserver } from "@apispool/common/call-metrics.js";
import { addService } from "@apispool/common/grpc-server.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import { startTelemetry } from "@apispool/common/telemetry.js";
import { RecordStore as RecordStoreService } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { Catalogue } from "@apispool/kafka-log/catalogue.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { meteredLogReader } from "@apispool/kafka-log/metered-log-reader.js";
import type { KafkaSettings } from "@apispool/kafka-log/settings.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import type { RecordStore, StoreRow } from "@apispool/record-store/store.js";
import type { StoreConfig } from "./config.js";
import { meteredStore } from "./metered-store.js";
import { createStore } from "@apispool/record-store/database.js";
import { Projector } from "./projector.js";
import { Retention } from "./retention.js";
import { recordStore } from "./service.js";
import { type StoreMetrics, storeMetrics } from "./store-metrics.js";
import { lookMsFor, ttlOf } from "./ttl.js";

const HEALTH_CHECK_MS = 2000;
const BOOT_CHECK_MS = 200;

/**
 * Starts the store: its gRPC server at once; it is NOT_SERVING while Kafka or the database cannot be reached, and answers meanwhile from
 * what it has. Tests look at what it asks by a `createLog` and a `create` of their own.
 */
export async function startStore(
  config: StoreConfig,
  logger: Logger,
  createLog: (settings: KafkaSettings) => LogReader = createLogReader,
  create: (database: StoreConfig["database"]) => Promise<RecordStore> = createStore,
): Promise<RunningServer> {
  const settings: KafkaSettings = { ...config.kafka, log: logger };
  const metrics = new Metrics();
  const counts: StoreMetrics = storeMetrics(metrics, () => projector);
  const metered = (): LogReader => meteredLogReader(createLog(settings), counts.kafka);
  const store = meteredStore(await create(config.database), counts.database);
  const log = metered();
  const names = namesFor(settings.topicPrefix);
  const catalogue = new Catalogue(log, names, config.topics, logger);
  const keptFor = ttlOf(config.ttl ?? []);
  const projector = new Projector({
    store,
    catalogue,
    createLog: metered,
    logger,
    fetchBytes: config.fetchBytes,
    // Records of others may have no time, and those are kept: they are looked at one by one, when they are in the store.
    skipMs: ({ topic, source }) => (names.sourceOf(topic) === undefined ? undefined : keptFor(source)),
    onWritten: (rows) => countRows(rows, counts),
    onRebuilt: (outcome) => counts.rebuilds.inc({ outcome }),
  });
  const retention = new Retention({
    store,
    ttlOf: keptFor,
    lookMs: lookMsFor(config.ttl ?? []),
    logger,
    onRemoved: (source, records) => counts.removed.inc({ source: counts.sources.of(source) }, records),
  });
  const health = new HealthState([RecordStoreService.typeName]);
  const stopping = new AbortController();
  const { signal } = stopping;
  const telemetry = await startTelemetry("store", health, config.telemetry, logger, metrics);
  const { batchBytes, queryScan, queryTimeMs, queries } = config;
  const service = recordStore({
    store,
    projector,
    ttlOf: keptFor,
    catalogue,
    batchBytes,
    queryScan,
    queryTimeMs,
    queries,
    onStopped: (reason) => counts.stopped.inc({ reason }),
  });
  const server = await startGrpcService({
    log: logger,
    health,
    address: config.address,
    tls: config.serviceTls,
    services: [RecordStoreService],
    observe: callObserver(metrics, telemetry.tracer),
    register: (grpcServer, options) => addService(grpcServer, RecordStoreService, service, options),
  });
  projector.start();
  retention.start();
  const life = live();

  async function live(): Promise<void> {
    for (let first = true; !signal.aborted;) {
      const why = projector.problem || (await problemOf(store, signal));
      if (signal.aborted) break;
      if (first && why === "") logger.info(`ready on port ${server.port}`);
      else if (!first && (why === "") !== health.serving) logger.info(why === "" ? "it serves again" : why);
      health.setServing(why === "", why);
      if (why === "") first = false;
      await sleep(first ? BOOT_CHECK_MS : HEALTH_CHECK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    port: server.port,
    async stop() {
      stopping.abort();
      health.setServing(false, "it is stopping");
      await Promise.all([server.stop(), projector.stop(), retention.stop()]);
      await life;
      await Promise.all([log.close(), telemetry.stop()]);
      await store.close();
    },
  };
}

async function problemOf(store: RecordStore, signal: AbortSignal): Promise<string> {
  try {
    await store.ping(signal);
    return "";
  } catch (error) {
    return error instanceof ConnectError ? error.rawMessage : "the database cannot be reached";
  }
}

function countRows(rows: readonly StoreRow[], counts: StoreMetrics): void {
  const bySource = new Map<string, number>();
  for (const { source } of rows) bySource.set(source, (bySource.get(source) ?? 0) + 1);
  for (const [source, count] of bySource) counts.rows.inc({ source: counts.sources.of(source) }, count);
}
