import { randomBytes } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Kafka } from "kafkajs";
import {
  DataReader,
  type FetchUnreadRequestSchema,
  type FetchUnreadResponse,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { type KafkaSettings, createKafka } from "@apispool/kafka-log/settings.js";
import { namesFor, recordHeaders } from "@apispool/kafka-log/topics.js";
import type { ReaderConfig } from "../config.js";
import { startReader } from "../reader.js";
import { Projection, readsStore } from "./projection.js";
import { ready } from "./ready.js";

export type FetchInit = MessageInitShape<typeof FetchUnreadRequestSchema>;

/** What one fetch gave, taken together. */
export interface Fetched {
  readonly records: readonly DataRecord[];
  readonly batches: readonly FetchUnreadResponse[];
  readonly cursor: string;
}

type HarnessConfig = Partial<Omit<ReaderConfig, "topics">> & {
  /** Named by what begins the names of all topics of this harness. */
  readonly topics?: (prefix: string) => ReaderConfig["topics"];
};

/** A reader service on a real Kafka, with topics of its own. */
export class Harness {
  readonly brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
  readonly prefix = `read-${randomBytes(4).toString("hex")}`;
  readonly names = namesFor(this.prefix);
  readonly settings: KafkaSettings = {
    brokers: this.brokers,
    clientId: "reader-test",
    topicPrefix: this.prefix,
    log: silentLogger,
  };
  readonly kafka: Kafka = createKafka(this.settings);
  #config: ReaderConfig = {
    address: "127.0.0.1:0",
    kafka: this.settings,
    busyWaitMs: 5000,
    batchBytes: 256 * 1024,
    fetchBytes: 2 * 1024 * 1024,
    tailBytes: 4 * 1024 * 1024,
    outageMs: 30_000,
    topics: [],
  };
  readonly #sequences = new Map<string, number>();
  readonly #closers: (() => Promise<void>)[] = [];
  projection: Projection | undefined;
  server: RunningServer | undefined;
  client: Client<typeof DataReader>;

  private constructor() {
    this.client = this.connect(0);
  }

  static async start({ topics, ...config }: HarnessConfig = {}, createLog = createLogReader): Promise<Harness> {
    const harness = new Harness();
    harness.#config = { ...harness.#config, topics: topics?.(harness.prefix) ?? [], ...config };
    if (readsStore) await harness.project();
    const server = await startReader(harness.#config, silentLogger, createLog);
    harness.server = server;
    harness.client = harness.connect(server.port);
    await ready(server.port);
    return harness;
  }

  /** From now on a store follows the topics, and readers that are started read from it. */
  async project(): Promise<Projection> {
    this.projection ??= await Projection.start(this.settings, this.#config.topics);
    this.#config = { ...this.#config, database: this.projection.database };
    return this.projection;
  }

  /** Another process, as it were, on the same topics; where it can be reached, and by what. */
  async another(
    config: Partial<ReaderConfig> = {},
    createLog = createLogReader,
  ): Promise<{ port: number; client: Client<typeof DataReader> }> {
    const server = await startReader({ ...this.#config, ...config }, silentLogger, createLog);
    this.#closers.push(() => server.stop());
    await ready(server.port);
    return { port: server.port, client: this.connect(server.port) };
  }

  /** A client with a connection of its own. */
  connect(port = this.server?.port ?? 0): Client<typeof DataReader> {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    this.#closers.push(async () => {
      sessionManager.abort();
      await Promise.resolve();
    });
    return createClient(DataReader, createGrpcTransport({ baseUrl, sessionManager }));
  }

  async topic(source: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
    const topic = this.names.records(source);
    await ensureTopics(
      this.kafka,
      this.brokers,
      [{ topic, partitions, config: { ...keptForEver, ...config } }],
      silentLogger,
    );
  }

  /** Writes records as the ingestor does: in a transaction, numbered, JSON with CloudEvents headers. */
  async write(
    source: string,
    values: readonly string[],
    { partition = 0, abort = false, perSend = 1000 } = {},
  ): Promise<void> {
    const topic = this.names.records(source);
    const producer = this.kafka.producer({
      transactionalId: `${this.prefix}.${source}.${partition}.${randomBytes(3).toString("hex")}`,
      maxInFlightRequests: 1,
      idempotent: true,
      // A busy broker takes a moment to host what was just made.
      retry: { initialRetryTime: 5, maxRetryTime: 100, retries: 100 },
    });
    await producer.connect();
    const transaction = await producer.transaction();
    const key = `${source}/${partition}`;
    const before = this.#sequences.get(key) ?? 0;
    const messages = values.map((value, i) => ({
      partition,
      key: `k${before + i}`,
      value,
      headers: {
        [recordHeaders.id]: `k${before + i}`,
        [recordHeaders.contentType]: "application/json",
        [recordHeaders.sequence]: String(before + i + 1),
        [recordHeaders.hash]: "0",
      },
    }));
    let last = -1;
    for (let from = 0; from < messages.length; from += perSend) {
      const piece = messages.slice(from, from + perSend);
      const [sent] = await transaction.send({ topic, messages: piece });
      last = Number(sent?.baseOffset ?? 0) + piece.length - 1;
    }
    if (abort) await transaction.abort();
    else {
      await transaction.commit();
      this.#sequences.set(key, before + values.length);
    }
    await producer.disconnect();
    await this.ended(topic, partition, last);
    if (readsStore && !abort && this.projection?.isPaused === false) await this.projected(source, partition);
  }

  /** Until readers get past an offset: Kafka answers the end of a transaction before its marker is in the partition. */
  async ended(topic: string, partition: number, offset: number): Promise<void> {
    const log = createLogReader(this.settings);
    const stable = async (): Promise<number> => (await log.offsetsAt("latest", [{ topic, partition }]))[0]?.offset ?? 0;
    while ((await stable()) <= offset) await new Promise((resolve) => setTimeout(resolve, 5));
    await log.close();
  }

  /** Until all that Kafka has of a partition is in the store. */
  async projected(source: string, partition = 0): Promise<void> {
    const log = createLogReader(this.settings);
    const [end] = await log.offsetsAt("latest", [{ topic: this.names.records(source), partition }]);
    await log.close();
    await this.projection?.has(source, partition, end?.offset ?? 0);
  }

  async fetch(init: FetchInit = {}, client = this.client): Promise<Fetched> {
    const batches: FetchUnreadResponse[] = [];
    for await (const batch of client.fetchUnread(init)) batches.push(batch);
    return { batches, records: batches.flatMap(({ records }) => records), cursor: batches.at(-1)?.cursor ?? "" };
  }

  async values(init: FetchInit = {}, client = this.client): Promise<string[]> {
    return (await this.fetch(init, client)).records.map(jsonOf);
  }

  async stop(): Promise<void> {
    for (const close of this.#closers) await close();
    await this.server?.stop();
    await this.projection?.stop();
    const admin = this.kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}

export function jsonOf({ payload }: DataRecord): string {
  return payload.case === "json" ? payload.value : `<${payload.case}>`;
}

export const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);
