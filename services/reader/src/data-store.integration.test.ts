import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { expireRecords } from "@apispool/kafka-log/testing/expire-records.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { createStore } from "@apispool/record-store/database.js";
import { KafkaCount } from "./testing/counting-log.js";
import { Following } from "./testing/following.js";
import { Harness, jsonOf, numbers } from "./testing/harness.js";
import type { Projection } from "./testing/projection.js";

describe("a reader with DATA_STORE=store", () => {
  let harness: Harness;
  let projection: Projection;

  beforeEach(async () => {
    harness = await Harness.start({ busyWaitMs: 300, batchBytes: 4096 });
    await harness.topic("quakes");
    projection = await harness.project();
  });
  afterEach(() => harness.stop());

  const expire = async (before: number): Promise<void> =>
    expireRecords(harness.kafka, harness.names.records("quakes"), before);

  it("delivers as from Kafka, byte for byte, and takes the records from the store", async () => {
    await harness.write("quakes", [...numbers(300), '{"big":12345678901234567890, "order":1,"a":2}']);
    await harness.write("quakes", numbers(3, 900), { abort: true });
    await harness.projected("quakes");
    const fromKafka = await harness.fetch({ reader: "kafka" });
    const count = new KafkaCount();
    const { client } = await harness.another({}, count.createLog);
    const fromStore = await harness.fetch({ reader: "store" }, client);
    expect(fromStore.records).toEqual(fromKafka.records);
    expect(fromStore.records).toHaveLength(301);
    // The end of a transaction that was aborted is behind the last record, and the store knows that, too.
    expect(count).toMatchObject({ bytes: 0, fetches: 0 });
    expect(await harness.values({ reader: "store" }, client)).toEqual([]);
    // The position is Kafka's, so one that reads from Kafka goes on there.
    await harness.write("quakes", numbers(2, 301));
    expect(await harness.values({ reader: "store" })).toEqual(numbers(2, 301));
  });

  it("delivers what Kafka has let go, then what the store has not got yet, and live what comes", async () => {
    await harness.write("quakes", numbers(20));
    await harness.projected("quakes");
    await projection.pause();
    await expire(15);
    await harness.write("quakes", numbers(10, 20));
    const { client } = await harness.another();
    const { records, batches } = await harness.fetch({ reader: "me" }, client);
    expect(records.map(jsonOf)).toEqual(numbers(30));
    expect(batches.flatMap(({ gaps }) => gaps)).toEqual([]);
    const following = new Following(client, { reader: "me" });
    await harness.write("quakes", numbers(5, 30));
    await following.untilCount(5);
    await projection.resume();
    await harness.write("quakes", numbers(5, 35));
    await following.untilCount(10);
    await following.stop();
    expect(following.records.map(jsonOf)).toEqual(numbers(10, 30));
    expect(following.gaps).toEqual([]);
  });

  it("tells a gap where neither has it", async () => {
    await projection.pause();
    await harness.write("quakes", numbers(10));
    const { client } = await harness.another();
    // A reader that stands before what is lost.
    expect(await harness.values({ reader: "me", limit: 2n }, client)).toEqual(numbers(2));
    await expire(6);
    await projection.resume();
    await harness.projected("quakes");
    const { records, batches } = await harness.fetch({ reader: "me" }, client);
    expect(records.map(jsonOf)).toEqual(numbers(4, 6));
    expect(batches.flatMap(({ gaps }) => gaps)).toMatchObject([
      { source: "quakes", partition: 0, fromOffset: 2n, toOffset: 6n, reason: GapReason.EXPIRED },
    ]);
  });

  it("takes from Kafka what the store has removed for its age, and tells a gap where Kafka has it not either", async () => {
    await harness.write("quakes", numbers(10));
    await harness.projected("quakes");
    const writing = await createStore(projection.database);
    expect(await writing.current.removeBefore("quakes", Date.now() + 60_000, 6)).toBe(6);
    await writing.close();
    const { client } = await harness.another();
    expect(await harness.values({ reader: "whole" }, client)).toEqual(numbers(10));
    for (const reader of ["early", "late"]) {
      expect(await harness.values({ reader, limit: 1n }, client)).toEqual(numbers(1));
    }
    await expire(3);
    const early = await harness.fetch({ reader: "early" }, client);
    expect(early.records.map(jsonOf)).toEqual(numbers(7, 3));
    expect(early.batches.flatMap(({ gaps }) => gaps)).toMatchObject([
      { source: "quakes", fromOffset: 1n, toOffset: 3n, reason: GapReason.EXPIRED },
    ]);
    await expire(8);
    const late = await harness.fetch({ reader: "late" }, client);
    expect(late.records.map(jsonOf)).toEqual(numbers(4, 6));
    expect(late.batches.flatMap(({ gaps }) => gaps)).toMatchObject([
      { source: "quakes", fromOffset: 1n, toOffset: 6n, reason: GapReason.EXPIRED },
    ]);
  });

  it("reads from Kafka while the store is away; what only the store may have is UNAVAILABLE, and no gap", async () => {
    await harness.write("quakes", numbers(10));
    await harness.projected("quakes");
    const away = { kind: "sqlite", folder: "/nowhere/at/all" } as const;
    const { client } = await harness.another({ database: away });
    expect(await harness.values({ reader: "me", limit: 2n }, client)).toEqual(numbers(2));
    await expire(6);
    const error = await harness.values({ reader: "me" }, client).then(
      () => undefined,
      (thrown: unknown) => ConnectError.from(thrown),
    );
    expect(error === undefined ? undefined : [error.code, reasonOf(error)]).toEqual([
      Code.Unavailable,
      "STORE_UNAVAILABLE",
    ]);
    const { client: other } = await harness.another();
    expect(await harness.values({ reader: "me" }, other)).toEqual(numbers(8, 2));
  });

  it("begins at a time that only the store goes back to", async () => {
    await harness.write("quakes", numbers(5));
    const from = (await harness.fetch({ reader: "look" })).records[3]?.ingestedAt;
    await harness.write("quakes", numbers(5, 5));
    await harness.projected("quakes");
    await expire(8);
    const { client } = await harness.another();
    if (from === undefined) throw new Error("a record has no time");
    const values = await harness.values({ reader: "me", start: { at: { case: "timestamp", value: from } } }, client);
    // Those of one batch may be of one millisecond.
    expect(values.slice(-6)).toEqual(numbers(6, 4));
    expect(values.length).toBeLessThanOrEqual(10);
    const log = createLogReader(harness.settings);
    const [kafka] = await log.offsetsAt("earliest", [{ topic: harness.names.records("quakes"), partition: 0 }]);
    await log.close();
    expect(kafka?.offset).toBe(8);
  });
});
