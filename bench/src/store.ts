import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CountBucket, RecordOrder, RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { isServing } from "@apispool/launcher/health.js";
import { freePort } from "@apispool/launcher/ports.js";
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
const FIRST_EVENT_MS = 1_700_000_000_000;

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
    const queries = await latencies(client, records);
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

async function latencies(client: Client<typeof RecordStore>, records: number): Promise<QueryLatency[]> {
  const any = (below: number): number => Math.floor(Math.random() * below);
  const page = async (init: Parameters<typeof client.query>[0]): Promise<void> => {
    let found = 0;
    for await (const { records: some } of client.query({ limit: 100n, ...init })) found += some.length;
    if (found === 0) throw new Error("a question found nothing");
  };
  const from = (): { from: ReturnType<typeof timestampFromMs>; to: ReturnType<typeof timestampFromMs> } => {
    const ms = FIRST_EVENT_MS + any(records) * 1000;
    return { from: timestampFromMs(ms), to: timestampFromMs(ms + 3_600_000) };
  };
  const asked: readonly (readonly [string, number, number | undefined, () => Promise<unknown>])[] = [
    ["by id", 2000, 2, () => client.get({ source: SOURCE, id: `record-${any(records)}` })],
    [
      "an hour of event time, first page",
      1000,
      20,
      () => page({ filter: { eventTime: from() }, order: RecordOrder.EVENT_DESC }),
    ],
    ["the newest, first page", 1000, 20, () => page({})],
    ["an hour of event time, by when it was written", 200, undefined, () => page({ filter: { eventTime: from() } })],
    [
      "a condition on the value, 10 records",
      20,
      undefined,
      () => page({ limit: 10n, filter: { where: `n >= ${any(records / 2)} and text != null` } }),
    ],
    ["counted by day", 10, undefined, () => client.count({ bucket: CountBucket.DAY, time: 2 })],
  ];
  const found: QueryLatency[] = [];
  for (const [what, times, goal, ask] of asked) {
    for (let i = 0; i < Math.min(20, times); i += 1) await ask();
    const took: number[] = [];
    for (let i = 0; i < times; i += 1) {
      const begin = performance.now();
      await ask();
      took.push(performance.now() - begin);
    }
    took.sort((a, b) => a - b);
    const at = (share: number): number =>
      took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
    found.push({ what, p50: at(0.5), p99: at(0.99), ...(goal === undefined ? {} : { goal }) });
  }
  return found;
}
