import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { describeError } from "@apispool/common/errors.js";
import { addService } from "@apispool/common/grpc-server.js";
import { callObserver } from "@apispool/common/call-metrics.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import { startTelemetry } from "@apispool/common/telemetry.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import { ensureTopics } from "@apispool/kafka-log/ensure-topics.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { meteredLogReader } from "@apispool/kafka-log/metered-log-reader.js";
import { ProducerConnections } from "@apispool/kafka-log/producer-connections.js";
import { type KafkaSettings, createKafka } from "@apispool/kafka-log/settings.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { backoffMs } from "./backoff.js";
import type { IngestorConfig } from "./config/load.js";
import type { SourceConfig } from "./config/source-config.js";
import { ControlBarrier } from "./control/control-barrier.js";
import { ControlLog, readControl } from "./control/control-log.js";
import { SourceSet } from "./control/source-set.js";
import { StatusLog, readStatus } from "./control/status-log.js";
import { TopicTail } from "./control/topic-tail.js";
import { sleep } from "./deadline.js";
import type { HttpClientDeps } from "./http/create-http-client.js";
import { Lease } from "./lease/lease.js";
import { workerControl } from "./service.js";
import { recordsTotal } from "./state/source-state.js";
import { controlTopics, sourceTopics } from "./topic-specs.js";
import { ingestorMetrics } from "./telemetry/ingestor-metrics.js";
import { SourceMaker } from "./worker/source-maker.js";

const HEALTH_CHECK_MS = 2000;
const LEASE_WAIT_MS = 500;
const BOOT_BACKOFF = { firstMs: 200, longestMs: 2000 };

export interface RunningIngestor extends RunningServer {
  /** Takes over another configuration of the sources; those that stay as they are go on untouched. */
  reload(sources: readonly SourceConfig[]): Promise<void>;
}

/**
 * Starts the ingestor: its gRPC server at once, its work as soon as Kafka can be reached. Until then it is NOT_SERVING
 * and its methods answer UNAVAILABLE.
 */
export async function startIngestor(
  config: Omit<IngestorConfig, "file">,
  log: Logger,
  http?: HttpClientDeps,
): Promise<RunningIngestor> {
  const settings: KafkaSettings = { ...config.kafka, log };
  const { brokers } = settings;
  const names = namesFor(settings.topicPrefix);
  const kafka = createKafka(settings);
  const metrics = new Metrics();
  const counts = ingestorMetrics(metrics, () => sources.known);
  const metered = (log: LogReader): LogReader => meteredLogReader(log, counts.kafka);
  const reader = metered(createLogReader(settings));
  const tailReader = metered(createLogReader(settings));
  const probe = metered(createLogReader({ ...settings, retryForMs: 500 }));
  const health = new HealthState([WorkerControl.typeName]);
  const control = new ControlLog(kafka, brokers, names.control);
  const owner = { id: randomUUID(), host: hostname(), pid: process.pid };

  const telemetry = await startTelemetry("ingestor", health, config.telemetry, log, metrics);
  const { tracer } = telemetry;
  health.setServing(false, kafkaAway());

  function kafkaAway(): string {
    return `Kafka at ${brokers.join(", ")} cannot be reached`;
  }

  let nowAssigned = (): void => undefined;
  const assigned = new Promise<void>((resolve) => (nowAssigned = resolve));
  const lease = new Lease({
    settings,
    group: names.lease,
    owner,
    sources: () => sources.names,
    holds: () => sources.held,
    onAssigned: (assignment) => {
      const { others } = status;
      status.others = assignment.members.size > 1;
      sources.onAssigned(assignment);
      nowAssigned();
      // Somebody is there who knows nothing yet.
      if (status.others && !others) for (const name of sources.held) status.changed(name, true);
    },
    onLost: () => {
      log.warn("this ingestor was not heard of by the others for too long: it polls nothing until it is again");
      sources.onAssigned({ sources: new Set(), members: new Set() });
    },
  });
  const producers = new ProducerConnections(settings);
  const maker = new SourceMaker({
    producers,
    reader,
    names,
    owner,
    brokers,
    log,
    telemetry: { metrics: counts, tracer, traceUpstream: config.traceUpstream ?? false },
    ...(http === undefined ? {} : { http }),
    count: () => sources.names.length,
    checkLease: () => lease.check(),
    stillOurs: async (name, signal) => (await lease.confirm(signal)) && sources.held.includes(name),
    onChange: (name) => sources.changed(name),
  });
  const sources = new SourceSet({
    owner,
    control,
    brokers,
    ask: async (patient) => barrier.pass(patient ? reader : probe),
    make: (source, after) => maker.make(source, after),
    onChange: (name, urgent) => status.changed(name, urgent),
  });
  const status = new StatusLog(kafka, names.status, log, (name) => sources.telling(name));
  const onControl = (record: LogRecord): void => {
    const asked = readControl(record);
    if (asked !== undefined) sources.onControl(asked.source, asked.desired, record.offset);
  };
  const barrier = new ControlBarrier(names.control, onControl);
  const tail = new TopicTail(
    tailReader,
    [names.control, names.status],
    (topic, record) => {
      if (topic === names.control) onControl(record);
      else {
        const told = readStatus(record);
        if (told !== undefined) sources.onStatus(told.source, told.published);
      }
    },
    log,
  );
  sources.configure(config.sources);
  const server = await startGrpcService({
    log,
    health,
    address: config.address,
    tls: config.serviceTls,
    services: [WorkerControl],
    observe: callObserver(metrics, tracer),
    register: (grpcServer, options) => addService(grpcServer, WorkerControl, workerControl(sources, maker), options),
  });
  const stopping = new AbortController();
  let ready = false;
  const life = boot().then(watchKafka);

  async function boot(): Promise<void> {
    for (let failures = 1; !stopping.signal.aborted; failures += 1) {
      try {
        const specs = [...controlTopics(names), ...sources.names.flatMap((name) => specsOf(name))];
        await ensureTopics(kafka, brokers, specs, log);
        await tail.catchUp();
        await tellTotals();
        if (stopping.signal.aborted) return;
        tail.follow();
        lease.start();
        // Usually there at once; where another ingestor has to be missed first, nobody waits for that.
        await Promise.race([assigned, sleep(LEASE_WAIT_MS, stopping.signal)]);
        sources.begin();
        ready = true;
        health.setServing(true);
        log.info(`ready on port ${server.port} with ${counted(sources.names)}`);
        return;
      } catch (error) {
        // Topics that were just made are not everywhere at once: the first time is no news.
        if (failures === 2) log.warn(`waiting for Kafka: ${describeError(error)}`);
        else log.debug({ err: error }, "still waiting for Kafka");
        await sleep(backoffMs(failures, BOOT_BACKOFF), stopping.signal);
      }
    }
  }

  function specsOf(name: string): ReturnType<typeof sourceTopics> {
    const source = sources.config(name);
    return source === undefined ? [] : sourceTopics(names, source);
  }

  /**
   * What stands in the log of sources that nobody polls. A crash may have left a transaction open, which Kafka ends in
   * its time: nobody has to wait for a mere number.
   */
  async function tellTotals(): Promise<void> {
    const tell = async (openTransactionMs?: number): Promise<void> => {
      await maker.index.refresh(openTransactionMs);
      for (const name of sources.names) {
        const state = maker.index.get(name)?.state;
        if (state !== undefined) sources.tellTotal(name, recordsTotal(state.sequences));
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
      health.setServing(reachable, kafkaAway());
    }
  }

  return {
    port: server.port,
    async reload(next) {
      // Before anything runs that needs them. Topics of sources that are gone stay: there are records in them.
      if (ready)
        await ensureTopics(
          kafka,
          brokers,
          next.flatMap((source) => sourceTopics(names, source)),
          log,
        );
      if (sources.configure(next) && ready) lease.sourcesChanged();
    },
    async stop() {
      const reachable = health.serving;
      stopping.abort();
      await Promise.all([server.stop(), sources.close()]);
      for (const name of sources.held) status.changed(name, true);
      // Without Kafka nobody can be told anything, and trying would take seconds.
      if (ready && reachable) await status.flush(true);
      await lease.close();
      await Promise.all([tail.close(), control.close(), status.close()]);
      await Promise.all([producers.close(), reader.close(), tailReader.close(), probe.close(), telemetry.stop()]);
      await life;
    },
  };
}

function counted(names: readonly string[]): string {
  return names.length === 1 ? `source ${names[0]}` : `${names.length} sources`;
}
