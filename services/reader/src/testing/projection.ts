import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import type { ForeignTopic } from "@apispool/kafka-log/foreign-topics.js";
import type { KafkaSettings } from "@apispool/kafka-log/settings.js";
import { type Database, createStore } from "@apispool/record-store/database.js";
import { Ferretdb, ferretdbProgram } from "@apispool/record-store/testing/ferretdb.js";
import type { RecordStore } from "@apispool/record-store/store.js";

/** From which store all of the reader's tests on a real Kafka read: `store` or `sqlite`, or `mongodb`; unset: from Kafka. */
const dataStore = process.env["APISPOOL_TEST_DATA_STORE"] ?? "";
export const readsStore = ["store", "sqlite", "mongodb"].includes(dataStore);
if (dataStore !== "" && !readsStore)
  throw new Error(`APISPOOL_TEST_DATA_STORE is "${dataStore}": store, sqlite or mongodb`);

interface OwnDatabase {
  readonly database: Database;
  readonly remove: () => Promise<void>;
}

async function sqlite(): Promise<OwnDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "apispool-data-store-"));
  return {
    database: { kind: "sqlite", folder: join(folder, "store") },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function mongodb(): Promise<OwnDatabase> {
  const program = await ferretdbProgram();
  if (program === undefined) throw new Error("APISPOOL_TEST_DATA_STORE=mongodb needs FerretDB: npm run ferretdb");
  const ferretdb = new Ferretdb(program);
  await ferretdb.start();
  return { database: { kind: "mongodb", url: `${ferretdb.uri}data_store` }, remove: () => ferretdb.remove() };
}

type StartStore = (config: object, logger: Logger) => Promise<RunningServer>;

/** A store service beside a reader's tests; services do not import each other, so it is found by its place. */
export class Projection {
  readonly database: Database;
  readonly store: RecordStore;
  readonly #removeDatabase: () => Promise<void>;
  readonly #config: object;
  readonly #start: StartStore;
  #server: RunningServer | undefined;

  private constructor({ database, remove }: OwnDatabase, store: RecordStore, config: object, start: StartStore) {
    this.#removeDatabase = remove;
    this.database = database;
    this.store = store;
    this.#config = config;
    this.#start = start;
  }

  static async start(kafka: KafkaSettings, topics: readonly ForeignTopic[]): Promise<Projection> {
    const service = join(import.meta.dirname, "..", "..", "..", "store", "dist", "store.js");
    const { startStore } = (await import(service)) as { readonly startStore: StartStore };
    const own = await (dataStore === "mongodb" ? mongodb() : sqlite());
    const { database } = own;
    const store = await createStore(database, { readOnly: true });
    const config = {
      address: "127.0.0.1:0",
      kafka,
      database,
      topics,
      fetchBytes: 256 * 1024,
      batchBytes: 64 * 1024,
      queryScan: 1_000_000,
      queryTimeMs: 60_000,
      queries: 100,
    };
    const projection = new Projection(own, store, config, startStore);
    await projection.resume();
    return projection;
  }

  async pause(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  async resume(): Promise<void> {
    this.#server ??= await this.#start(this.#config, silentLogger);
  }

  /** Until a partition is in the store up to an offset. */
  async has(source: string, partition: number, end: number): Promise<void> {
    for (let left = 4000; ; left -= 1) {
      const positions = await this.store.current.positions().catch(() => []);
      const there = positions.find((place) => place.source === source && place.partition === partition);
      if (there !== undefined && there.nextOffset >= end) return;
      if (left === 0) throw new Error(`the store has not come to offset ${end} of ${source}/${partition}`);
      await sleep(10);
    }
  }

  async stop(): Promise<void> {
    await this.pause();
    await this.store.close();
    await this.#removeDatabase();
  }
}
