import { ConnectError } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { describeError, reasonOf } from "@apispool/common/errors.js";
import { addService } from "@apispool/common/grpc-server.js";
import { callObserver } from "@apispool/common/call-metrics.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import { startTelemetry } from "@apispool/common/telemetry.js";
import { within } from "@apispool/common/within.js";
import { compacted, ensureTopics } from "@apispool/kafka-log/ensure-topics.js";
import { ensurePartitions } from "@apispool/kafka-log/ensure-partitions.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { meteredLogReader } from "@apispool/kafka-log/metered-log-reader.js";
import { type KafkaSettings, createKafka } from "@apispool/kafka-log/settings.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { createStore } from "@apispool/record-store/database.js";
import { StoreEnds } from "@apispool/record-store/reading/store-ends.js";
import { storeLogReader } from "@apispool/record-store/reading/store-log-reader.js";
import { Acknowledger } from "./acknowledger.js";
import { CLAIM_PARTITIONS, Claims } from "./claims.js";
import { Catalogue } from "@apispool/kafka-log/catalogue.js";
import type { ReaderConfig } from "./config.js";
import { DeadLetters } from "./dead-letters.js";
import { Fetcher } from "./fetcher.js";
import { HandOvers } from "./hand-over.js";
import { keepReadersAlive } from "./keep-alive.js";
import { LagReport } from "./lag-report.js";
import { Positions } from "./positions.js";
import { newProcessId } from "./process-id.js";
import { readerMetrics } from "./reader-metrics.js";
import { dataReader } from "./service.js";
import { Sessions } from "./sessions.js";
import { StandingReport } from "./standing-report.js";
import { Tenures } from "./tenure.js";
import { Tail } from "./tail.js";

const HEALTH_CHECK_MS = 2000;
const BOOT_CHECK_MS = 200;
/** How long evidence of receipt is waited for at the end, in milliseconds. */
const SETTLE_MS = 1000;
/** The most that a poll for new records brings: a client that stops reading keeps one of them in memory. */
const POLL_BYTES = 512 * 1024;

/**
 * Starts the reader: its gRPC server at once; it is NOT_SERVING while Kafka cannot be reached. Tests look at what it asks
 * Kafka by a `createLog` of their own.
 */
export async function startReader(
  config: ReaderConfig,
  logger: Logger,
  createLog: (settings: KafkaSettings) => LogReader = createLogReader,
): Promise<RunningServer> {
  const settings: KafkaSettings = { ...config.kafka, log: logger };
  const names = namesFor(settings.topicPrefix);
  const metrics = new Metrics();
  const counts = readerMetrics(metrics);
  const metered = (reader: LogReader): LogReader => meteredLogReader(reader, counts.kafka);
  const store = config.database && (await createStore(config.database, { readOnly: true }));
  const ends = store && new StoreEnds(store, names, config.topics);
  const reading = (kafka: LogReader): LogReader =>
    store === undefined || ends === undefined ? kafka : storeLogReader(kafka, store, ends);
  const log = reading(metered(createLog(settings)));
  const tailLog = reading(metered(createLog(settings)));
  const probe = metered(createLogReader({ ...settings, retryForMs: 500 }));
  const catalogue = new Catalogue(log, names, config.topics, logger);
  const claims = new Claims(log, names, newProcessId());
  const positions = new Positions(log, names, catalogue, claims);
  const sessions = new Sessions();
  const tenures = new Tenures(claims);
  const acknowledger = new Acknowledger(positions, sessions, (outcome) => counts.acknowledgements.inc({ outcome }));
  const { busyWaitMs, batchBytes, fetchBytes, tailBytes, outageMs } = config;
  const tail = new Tail({
    log: tailLog,
    logger,
    keepBytes: tailBytes,
    pollBytes: Math.min(POLL_BYTES, fetchBytes),
    pieceBytes: batchBytes / 8,
  });
  const report = new StandingReport(log);
  const health = new HealthState([DataReader.typeName]);
  const stopping = new AbortController();
  const { signal } = stopping;
  new LagReport({ positions, report, most: config.metricsReaders ?? 0, logger, signal }).define(metrics);
  const telemetry = await startTelemetry("reader", health, config.telemetry, logger, metrics);
  const fetcher = new Fetcher({
    log,
    tail,
    catalogue,
    positions,
    sessions,
    tenures,
    acknowledger,
    handOvers: new HandOvers(counts, telemetry.tracer),
    busyWaitMs,
    batchBytes,
    fetchBytes,
    outageMs,
  });
  const deadLetters = new DeadLetters(log, names, catalogue);
  const service = dataReader({
    log,
    fetcher,
    acknowledger,
    positions,
    catalogue,
    sessions,
    tenures,
    report,
    deadLetters,
    busyWaitMs,
  });
  const server = await startGrpcService({
    log: logger,
    health,
    address: config.address,
    tls: config.serviceTls,
    services: [DataReader],
    observe: callObserver(metrics, telemetry.tracer),
    register: (grpcServer, options) => addService(grpcServer, DataReader, service, options),
  });
  let unguarded = false;
  const life = live();

  /** Without its topic nobody can see which process serves a reader. */
  async function enableClaims(): Promise<void> {
    try {
      const kafka = createKafka(settings);
      const topic = { topic: names.readers, partitions: CLAIM_PARTITIONS, config: compacted };
      await ensureTopics(kafka, settings.brokers, [topic], logger);
      // Older versions made it with one.
      claims.enable(await ensurePartitions(kafka, settings.brokers, names.readers, CLAIM_PARTITIONS, logger));
    } catch (error) {
      if (!unguarded) logger.warn({ err: describeError(error) }, `no topic ${names.readers}: readers are not guarded`);
      unguarded = true;
    }
  }

  async function live(): Promise<void> {
    let alive: Promise<void> | undefined;
    let refused: string | undefined;
    for (let first = true; !signal.aborted;) {
      let why = kafkaAway(settings.brokers);
      const reachable = await probe.ping(signal).then(
        () => true,
        (error: unknown) => {
          if (error instanceof ConnectError && reasonOf(error) === "KAFKA_REFUSED") why = error.rawMessage;
          return false;
        },
      );
      if (reachable && !claims.enabled) await enableClaims();
      if (signal.aborted) break;
      if (first && reachable) logger.info(`ready on port ${server.port}`);
      else if (first && why !== refused && why !== kafkaAway(settings.brokers)) logger.error((refused = why));
      else if (first) logger.debug("waiting for Kafka");
      else if (reachable !== health.serving) {
        logger.info(reachable ? "Kafka can be reached again" : why);
      }
      health.setServing(reachable, why);
      // What cannot be read of what was named is said at once, not with the first fetch.
      if (first && reachable) void catalogue.partitions().catch(() => undefined);
      if (reachable) {
        first = false;
        alive ??= keepReadersAlive(positions, createKafka(settings), logger, signal);
      }
      await sleep(first ? BOOT_CHECK_MS : HEALTH_CHECK_MS, undefined, { signal }).catch(() => undefined);
    }
    await alive;
  }

  return {
    port: server.port,
    async stop() {
      stopping.abort();
      health.setServing(false, "it is stopping");
      await fetcher.stop();
      await server.stop();
      // What fetches that came to their end just now had been given.
      await within(SETTLE_MS, fetcher.settled());
      await tail.close();
      await life;
      await Promise.all([log.close(), tailLog.close(), probe.close(), store?.close(), telemetry.stop()]);
    },
  };
}

function kafkaAway(brokers: readonly string[]): string {
  return `Kafka at ${brokers.join(", ")} cannot be reached`;
}
