import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { describeError } from "@apispool/common/errors.js";
import { addService } from "@apispool/common/grpc-server.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import { compacted, ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import { type KafkaSettings, createKafka } from "@apispool/kafka-log/settings.js";
import { type Names, namesFor } from "@apispool/kafka-log/topics.js";
import { backoffMs } from "./backoff.js";
import type { IngestorConfig, SourceConfig } from "./config.js";
import { ControlLog, type Desired } from "./control-log.js";
import { sleep } from "./deadline.js";
import { MAX_RECORD_BYTES } from "./json-records.js";
import { workerControl } from "./service.js";
import { SourceLog } from "./source-log.js";
import { SourceSet } from "./source-set.js";
import { readStates, recordsTotal } from "./source-state.js";
import { Worker } from "./worker.js";

const HEALTH_CHECK_MS = 2000;
const BOOT_BACKOFF = { firstMs: 200, longestMs: 2000 };

/**
 * Starts the ingestor: its gRPC server at once, its work as soon as Kafka can be reached. Until then it is NOT_SERVING
 * and its methods answer UNAVAILABLE.
 */
export async function startIngestor(config: IngestorConfig, log: Logger): Promise<RunningServer> {
  const settings: KafkaSettings = { ...config.kafka, log };
  const { brokers } = settings;
  const names = namesFor(settings.topicPrefix);
  const kafka = createKafka(settings);
  const reader = createLogReader(settings);
  const probe = createLogReader({ ...settings, retryForMs: 500 });
  const control = new ControlLog(kafka, brokers, names.control);
  const owner = { id: randomUUID(), host: hostname(), pid: process.pid };
  const workers = config.sources.map(
    (source) =>
      new Worker({
        source,
        brokers,
        log,
        openLog: () => new SourceLog({ kafka, log: reader, names, owner, source }),
        onChange: () => sources.changed(source.name),
      }),
  );
  const sources = new SourceSet(workers, control, brokers);
  const health = new HealthState([WorkerControl.typeName]);
  const server = await startGrpcService({
    log,
    health,
    address: config.address,
    services: [WorkerControl],
    register: (grpcServer, options) => addService(grpcServer, WorkerControl, workerControl(sources), options),
  });
  const stopping = new AbortController();
  const life = boot().then(watchKafka);

  async function boot(): Promise<void> {
    for (let failures = 1; !stopping.signal.aborted; failures += 1) {
      try {
        await ensureTopics(kafka, brokers, topicSpecs(names, config.sources), log);
        const desired = await readDesired(control, reader, config.sources);
        // A started source's worker finds out by itself.
        const stopped = workers.filter((worker) => desired.get(worker.status.source) !== "STARTED");
        if (stopped.length > 0) await tellTotals(stopped);
        if (stopping.signal.aborted) return;
        sources.begin(desired);
        health.setServing(true);
        log.info(
          `ready on port ${server.port}: ${config.sources.map((s) => `${s.name} is ${desired.get(s.name)}`).join(", ")}`,
        );
        return;
      } catch (error) {
        if (failures === 1) log.warn(`waiting for Kafka: ${describeError(error)}`);
        else log.debug({ err: error }, "still waiting for Kafka");
        await sleep(backoffMs(failures, BOOT_BACKOFF), stopping.signal);
      }
    }
  }

  /** A crash may have left a transaction open, which Kafka ends in its time: nobody has to wait for a mere number. */
  async function tellTotals(stopped: readonly Worker[]): Promise<void> {
    const tell = async (openTransactionMs?: number): Promise<void> => {
      const { states } = await readStates(reader, names.state, openTransactionMs);
      for (const worker of stopped) {
        const { source, state } = worker.status;
        if (state.kind === "stopped") worker.setRecordsTotal(recordsTotal(states.get(source)?.sequences ?? {}));
      }
    };
    await tell(200).catch(() => {
      tell().catch((error: unknown) => log.debug({ err: error }, "records in all are not known yet"));
    });
  }

  async function watchKafka(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(HEALTH_CHECK_MS, stopping.signal);
      const reachable = await probe.ping(stopping.signal).then(
        () => true,
        () => false,
      );
      if (stopping.signal.aborted) return;
      if (reachable !== health.serving) log.info(reachable ? "Kafka can be reached again" : "Kafka cannot be reached");
      health.setServing(reachable);
    }
  }

  return {
    port: server.port,
    async stop() {
      stopping.abort();
      await Promise.all([server.stop(), sources.close()]);
      await Promise.all([control.close(), reader.close(), probe.close()]);
      await life;
    },
  };
}

/** What the operator asked for; where nobody ever did, what the configuration says. */
async function readDesired(
  control: ControlLog,
  reader: LogReader,
  sources: readonly SourceConfig[],
): Promise<ReadonlyMap<string, Desired>> {
  const asked = await control.read(reader);
  return new Map(sources.map(({ name, autostart }) => [name, asked.get(name) ?? (autostart ? "STARTED" : "STOPPED")]));
}

/** Room for the largest record, its key and its headers. */
const LARGE_MESSAGES = { "max.message.bytes": String(MAX_RECORD_BYTES + 1024 * 1024) } as const;

function topicSpecs(names: Names, sources: readonly SourceConfig[]): Parameters<typeof ensureTopics>[2] {
  return [
    { topic: names.state, partitions: 1, config: compacted },
    { topic: names.control, partitions: 1, config: compacted },
    ...sources.flatMap(({ name }) => [
      { topic: names.records(name), partitions: 1, config: { ...keptForEver, ...LARGE_MESSAGES } },
      { topic: names.deadLetters(name), partitions: 1, config: keptForEver },
    ]),
  ];
}
