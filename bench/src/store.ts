import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { isServing } from "@apispool/launcher/health.js";
import { freePort } from "@apispool/common/free-port.js";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { openForWriting } from "@apispool/record-store/sqlite/open-database.js";
import { Writer } from "@apispool/record-store/sqlite/writer.js";
import { RecordFields } from "@apispool/record-codec/record-fields.js";
import { rowOf } from "@apispool/store/row.js";
import { fillTopic } from "./fill.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import { type QueryLatency, type StoreFigures, storeGoals } from "./report/store-report.js";
import { table } from "./table.js";
import { TestBed } from "./test-bed.js";

const SOURCE = "bench";
/** As the store writes them. */
const PER_TRANSACTION = 5000;

/** A million records from Kafka into SQLite, and questions to them. */
export async function benchStore(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<StoreFigures>> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "1000000" },
      bytes: { type: "string", default: "500" },
      profile: { type: "string" },
    },
  });
  const [records, bytes] = [Number(values.records), Number(values.bytes)];
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self, values.profile);
  const folder = await mkdtemp(join(tmpdir(), "apispool-bench-store-"));
  try {
    const topic = namesFor("apispool").records(SOURCE);
    await fillTopic({ brokers: bed.brokers.split(","), topic, records, bytes, partitions: 1 });
    const plain = await plainInsert(bed.brokers, topic, join(folder, "plain.db"));
    say(`plain: ${plain.toFixed(0)} records/s`);

    const address = `127.0.0.1:${await freePort()}`;
    const begun = performance.now();
    const variables = { STORE: `sqlite:${join(folder, "store")}`, STORE_ADDRESS: address, METRICS_ADDRESS: "off" };
    await bed.startService("store", variables, () => isServing(address));
    const client = createClient(RecordStore, createGrpcTransport({ baseUrl: `http://${address}` }));
    const serving = performance.now();
    while ((await stored(client)) < records) await sleep(20);
    const projected = records / ((performance.now() - serving) / 1000);
    const usage = (await bed.usages())["store"];
    say(
      `projected: ${projected.toFixed(0)} records/s, all within ${((performance.now() - begun) / 1000).toFixed(1)} s`,
    );
    const queries = await askAll(address, records);
    const after = (await bed.usages())["store"];
    const figures: StoreFigures = {
      records,
      bytes,
      plain,
      projected,
      memory: { projected: usage?.peakMemory ?? Number.NaN, queried: after?.peakMemory ?? Number.NaN },
      cpu: usage?.cpu ?? Number.NaN,
      queries,
    };
    const lines = queries.map(({ what, p50, p99 }) => [what, p50.toFixed(2), p99.toFixed(2)]);
    console.log(`\n${table(["question", "50 %, ms", "99 %, ms"], lines)}\n`);
    say(
      `ratio ${(projected / plain).toFixed(2)}, memory ${figures.memory.queried.toFixed(0)} MB, CPU ${figures.cpu} s`,
    );
    return { figures, problems: missed(storeGoals(figures)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Only the writing counts; the rows are made beforehand, some at a time. */
async function plainInsert(brokers: string, topic: string, file: string): Promise<number> {
  const settings = { brokers: brokers.split(","), clientId: "bench", topicPrefix: "apispool", log: silentLogger };
  const log = createLogReader(settings);
  const writer = new Writer(openForWriting(file));
  const fields = new RecordFields();
  let records = 0;
  let seconds = 0;
  for (let offset = 0; ;) {
    const options = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 4 * 1024 * 1024, maxWaitMs: 0 };
    const [fetched] = await log.fetch([{ topic, partition: 0, offset }], options);
    if (fetched === undefined) throw new Error("Kafka gave no answer");
    const rows = fetched.records.map((record) => rowOf(record, SOURCE, 0, fields));
    const begin = performance.now();
    for (let from = 0; from < rows.length; from += PER_TRANSACTION) {
      writer.write(rows.slice(from, from + PER_TRANSACTION), [], [], []);
    }
    seconds += (performance.now() - begin) / 1000;
    records += rows.length;
    offset = fetched.nextOffset;
    if (offset >= fetched.lastStableOffset) break;
  }
  writer.close();
  await log.close();
  return records / seconds;
}

async function stored(client: Client<typeof RecordStore>): Promise<number> {
  const { sources } = await client.getStoreStatus({});
  return Number(sources.find(({ source }) => source === SOURCE)?.records ?? 0);
}

/** In a process of its own, which has nothing else to collect. */
async function askAll(address: string, records: number): Promise<readonly QueryLatency[]> {
  const child = fork(join(import.meta.dirname, "store", "questions-main.js"), [address, SOURCE, String(records)]);
  let answer: readonly QueryLatency[] | undefined;
  child.on("message", (message) => (answer = message as readonly QueryLatency[]));
  const [code] = (await once(child, "exit")) as [number | null];
  if (answer === undefined) throw new Error(`the questions ended with ${code ?? "a signal"}`);
  return answer;
}
