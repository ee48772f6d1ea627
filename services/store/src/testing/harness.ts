import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import {
  type GetStoreStatusResponse,
  type QueryRequestSchema,
  type QueryResponse,
  RecordStore,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { expireRecords } from "@apispool/kafka-log/testing/expire-records.js";
import { ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { type KafkaSettings, createKafka } from "@apispool/kafka-log/settings.js";
import { namesFor, recordHeaders } from "@apispool/kafka-log/topics.js";
import { RecordFields } from "@apispool/record-codec/record-fields.js";
import type { RecordStore as Store, StoreRow } from "@apispool/record-store/store.js";
import type { StoreConfig } from "../config.js";
import { createStore } from "@apispool/record-store/database.js";
import { rowOf } from "../row.js";
import { startStore } from "../store.js";

export interface NewRecord {
  readonly id: string;
  readonly value: string;
  readonly time?: string;
  readonly partition?: number;
  /** When it is said to have been written, in milliseconds since the Unix epoch; now unless given. */
  readonly ingestedMs?: number;
}

/** A store on a real Kafka, with topics and a folder of its own. */
export class Harness {
  readonly brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
  readonly prefix = `store-${randomBytes(4).toString("hex")}`;
  readonly names = namesFor(this.prefix);
  readonly settings: KafkaSettings = {
    brokers: this.brokers,
    clientId: "store-test",
    topicPrefix: this.prefix,
    log: silentLogger,
  };
  readonly kafka = createKafka(this.settings);
  readonly folder: string;
  readonly config: StoreConfig;
  readonly #closers: (() => Promise<void> | void)[] = [];
  server: RunningServer | undefined;
  client: Client<typeof RecordStore> | undefined;

  private constructor(folder: string, config: Partial<StoreConfig>) {
    this.folder = folder;
    this.config = {
      address: "127.0.0.1:0",
      kafka: this.settings,
      database: { kind: "sqlite", folder: join(folder, "store") },
      topics: [],
      fetchBytes: 256 * 1024,
      batchBytes: 64 * 1024,
      queryScan: 1_000_000,
      queryTimeMs: 60_000,
      queries: 100,
      ...config,
    };
  }

  /** Nothing runs yet. */
  static async create(config: Partial<StoreConfig> = {}): Promise<Harness> {
    return new Harness(await mkdtemp(join(tmpdir(), "apispool-store-")), config);
  }

  async start(config: Partial<StoreConfig> = {}): Promise<Client<typeof RecordStore>> {
    this.server = await startStore({ ...this.config, ...config }, silentLogger);
    this.client = this.connect(this.server.port);
    return this.client;
  }

  async stopServer(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  connect(port: number): Client<typeof RecordStore> {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    this.#closers.push(() => sessionManager.abort());
    return createClient(RecordStore, createGrpcTransport({ baseUrl, sessionManager }));
  }

  async topic(source: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
    const topic = { topic: this.names.records(source), partitions, config: { ...keptForEver, ...config } };
    await ensureTopics(this.kafka, this.brokers, [topic], silentLogger);
  }

  async deleteTopic(source: string): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [this.names.records(source)] });
    await admin.disconnect();
  }

  /** Has Kafka let go of what is before an offset, as a retention does. */
  async expire(source: string, offset: number): Promise<void> {
    await expireRecords(this.kafka, this.names.records(source), offset);
  }

  /** As the ingestor does: in a transaction, which may be aborted. */
  async write(source: string, records: readonly NewRecord[], { abort = false } = {}): Promise<void> {
    const topic = this.names.records(source);
    const producer = this.kafka.producer({
      transactionalId: `${this.prefix}.${randomBytes(4).toString("hex")}`,
      maxInFlightRequests: 1,
      idempotent: true,
      retry: { initialRetryTime: 5, maxRetryTime: 100 },
    });
    await producer.connect();
    const transaction = await producer.transaction();
    const messages = records.map(({ id, value, time, partition = 0, ingestedMs }) => ({
      partition,
      ...(ingestedMs === undefined ? {} : { timestamp: String(ingestedMs) }),
      key: id,
      value,
      headers: {
        [recordHeaders.id]: id,
        [recordHeaders.contentType]: "application/json",
        [recordHeaders.hash]: "0",
        ...(time === undefined ? {} : { [recordHeaders.time]: time }),
      },
    }));
    for (let from = 0; from < messages.length; from += 1000) {
      await transaction.send({ topic, messages: messages.slice(from, from + 1000) });
    }
    await (abort ? transaction.abort() : transaction.commit());
    await producer.disconnect();
  }

  async query(init: MessageInitShape<typeof QueryRequestSchema> = {}): Promise<{
    readonly records: readonly DataRecord[];
    readonly pages: readonly QueryResponse[];
    readonly last: QueryResponse | undefined;
  }> {
    const pages: QueryResponse[] = [];
    for await (const page of this.#client().query(init)) pages.push(page);
    return { pages, records: pages.flatMap(({ records }) => records), last: pages.at(-1) };
  }

  /** Waits until the store has so many records of a source, and says that it has all. */
  async complete(source: string, records: number): Promise<GetStoreStatusResponse> {
    for (;;) {
      const status = await this.#client()
        .getStoreStatus({})
        .catch((error: unknown) => {
          if (ConnectError.from(error).code === Code.Unavailable) return undefined;
          throw error;
        });
      if (status === undefined) continue;
      const found = status.sources.find((one) => one.source === source);
      const isAll = found?.freshness?.behind === 0n && found.freshness.checkedAt !== undefined;
      if (isAll && Number(found.records) === records && status.freshness?.problem === "") return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Every record of a partition as Kafka has it (from an offset on); as text, because jest compares buffers byte by byte. */
  async topicRows(source: string, partition = 0, from = 0): Promise<string[]> {
    const log = createLogReader(this.settings);
    const topic = this.names.records(source);
    const fields = new RecordFields();
    const rows: string[] = [];
    for (let offset = from; ;) {
      const [fetched] = await log.fetch([{ topic, partition, offset }], {
        maxBytes: 1_000_000,
        maxBytesPerPartition: 1_000_000,
        maxWaitMs: 0,
      });
      if (fetched === undefined) throw new Error("no answer");
      for (const record of fetched.records) rows.push(textOf(rowOf(record, source, partition, fields)));
      offset = fetched.nextOffset;
      if (offset >= fetched.lastStableOffset) break;
    }
    await log.close();
    return rows;
  }

  /** Every record of a partition as the store has it, read beside the service. */
  async storeRows(source: string, partition = 0): Promise<string[]> {
    const store = await this.openStore();
    const rows: StoreRow[] = [];
    for (;;) {
      const { rows: some } = await store.read(source, partition, (rows.at(-1)?.offset ?? -1) + 1, 1_000_000);
      if (some.length === 0) break;
      rows.push(...some);
    }
    await store.close();
    return rows.map(textOf);
  }

  async openStore(): Promise<Store> {
    return await createStore(this.config.database);
  }

  async stop(): Promise<void> {
    for (const close of this.#closers) await close();
    await this.stopServer();
    const admin = this.kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
    await rm(this.folder, { recursive: true, force: true });
  }

  #client(): Client<typeof RecordStore> {
    if (this.client === undefined) throw new Error("it was not started");
    return this.client;
  }
}

function textOf(row: StoreRow): string {
  const bytes = [row.key, row.value, row.headers].map((part) => part && part.toString("latin1"));
  return JSON.stringify([{ ...row, key: undefined, value: undefined, headers: undefined }, ...bytes]);
}

export const quakes = (count: number, from = 0): NewRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `q${from + i}`,
    value: `{"mag":${((from + i) % 80) / 10},"n":${from + i}}`,
    time: new Date(Date.UTC(2026, 2, 1) + (from + i) * 60_000).toISOString(),
  }));
