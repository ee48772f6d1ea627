import { randomBytes } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import type { ISocketFactory, Kafka } from "kafkajs";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { createKafka, type KafkaSettings } from "@apispool/kafka-log/settings.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import type { IngestorConfig } from "../config/load.js";
import { type SimpleSource, sourceConfig } from "./source-config.js";
import { startIngestor } from "../ingestor.js";

export interface TestIngestor {
  readonly control: Client<typeof WorkerControl>;
  readonly health: Client<typeof Health>;
  reload(sources: readonly SimpleSource[]): Promise<void>;
  stop(): Promise<void>;
}

/** A Kafka that is really there, a topic prefix of its own, and what tests ask of it. */
export class Harness {
  readonly brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
  readonly prefix = `ingest-${randomBytes(4).toString("hex")}`;
  readonly names = namesFor(this.prefix);
  readonly kafka: Kafka;
  readonly log: LogReader;
  readonly #running = new Set<TestIngestor>();

  constructor() {
    const settings = this.settings();
    this.kafka = createKafka(settings);
    this.log = createLogReader(settings);
  }

  settings(socketFactory?: ISocketFactory): KafkaSettings {
    return {
      brokers: this.brokers,
      clientId: "ingestor-test",
      topicPrefix: this.prefix,
      log: silentLogger,
      ...(socketFactory === undefined ? {} : { socketFactory }),
    };
  }

  async start(
    sources: SimpleSource | readonly SimpleSource[],
    kafka: Partial<KafkaSettings> = {},
  ): Promise<TestIngestor> {
    const config: Omit<IngestorConfig, "file"> = {
      address: "127.0.0.1:0",
      kafka: { ...this.settings(), ...kafka },
      sources: [sources].flat().map((source) => sourceConfig(source)),
    };
    const server = await startIngestor(config, silentLogger);
    const baseUrl = `http://127.0.0.1:${server.port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createGrpcTransport({ baseUrl, sessionManager });
    const ingestor: TestIngestor = {
      control: createClient(WorkerControl, transport),
      health: createClient(Health, transport),
      reload: async (next) => server.reload(next.map((source) => sourceConfig(source))),
      stop: async () => {
        if (!this.#running.delete(ingestor)) return;
        sessionManager.abort();
        await server.stop();
      },
    };
    this.#running.add(ingestor);
    return ingestor;
  }

  /** As start, and waits until its methods answer. */
  async ready(
    sources: SimpleSource | readonly SimpleSource[],
    kafka: Partial<KafkaSettings> = {},
  ): Promise<TestIngestor> {
    const ingestor = await this.start(sources, kafka);
    await eventually(async () => {
      await ingestor.control.getStatus({});
    });
    return ingestor;
  }

  async read(topic: string, partition = 0): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    await readToEnd(this.log, { topic, partition, offset: 0 }, (record) => records.push(record));
    return records;
  }

  async values(source = "things"): Promise<string[]> {
    return (await this.read(this.names.records(source))).map(({ value }) => String(value));
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map(async (ingestor) => ingestor.stop()));
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.log.close();
    const admin = this.kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}

/** A header's text. */
export function headerOf(record: LogRecord | undefined, name: string): string | undefined {
  return record?.headers.find(([header]) => header === name)?.[1]?.toString("utf8");
}

/** Tries again until it does not throw; then the last error counts. */
export async function eventually(check: () => Promise<void>, withinMs = 20_000): Promise<void> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
