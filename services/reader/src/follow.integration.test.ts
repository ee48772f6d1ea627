import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { expireRecords } from "@apispool/kafka-log/testing/expire-records.js";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { KafkaCount } from "./testing/counting-log.js";
import { Following } from "./testing/following.js";
import { Harness, jsonOf, numbers } from "./testing/harness.js";
import { readsStore } from "./testing/projection.js";

const FETCH_BYTES = 128 * 1024;

describe("live tails", () => {
  let harness: Harness;
  let count: KafkaCount;
  let open: Following[];

  beforeEach(async () => {
    count = new KafkaCount();
    harness = await Harness.start({ fetchBytes: FETCH_BYTES, batchBytes: 32 * 1024 }, count.createLog);
    open = [];
    await harness.topic("quakes");
  });
  afterEach(async () => {
    await Promise.all(open.map(async (following) => following.stop()));
    await harness.stop();
  });

  function follow(init: ConstructorParameters<typeof Following>[1], client = harness.client): Following {
    const following = new Following(client, init);
    open.push(following);
    return following;
  }

  const large = (records: number, from = 0): string[] =>
    Array.from({ length: records }, (_, i) => JSON.stringify({ n: from + i, text: "x".repeat(600) }));

  it("cost Kafka one fetch, however many they are, and give everybody each record once and in order", async () => {
    await harness.topic("storms", 2);
    await harness.write("quakes", numbers(10));
    const clients = Array.from({ length: 4 }, () => harness.connect());
    const all = Array.from({ length: 100 }, (_, i) => follow({ reader: `r${i}` }, clients[i % 4]));
    await Promise.all(all.map(async (following) => following.untilCount(10)));
    // Who joins in the middle of it stays behind for a moment.
    await harness.write("quakes", numbers(1, 10));
    await Promise.all(all.map(async (following) => following.untilCount(11)));
    count.reset();
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      const from = 11 + round * 5;
      await harness.write("quakes", numbers(5, from));
      await harness.write("storms", numbers(2, round * 2), { partition: round % 2 });
    }
    await Promise.all(all.map(async (following) => following.untilCount(11 + rounds * 7)));
    expect(count).toMatchObject({ fetches: 0, offsets: 0 });
    // A transaction's records and its end may come apart.
    expect(count.polls).toBeLessThanOrEqual(rounds * 4);
    for (const { records, gaps } of all) {
      expect(gaps).toEqual([]);
      expect(records.filter(({ source }) => source === "quakes").map(jsonOf)).toEqual(numbers(11 + rounds * 5));
      for (const partition of [0, 1]) {
        const own = records.filter((r) => r.source === "storms" && r.partition === partition);
        const written = numbers(rounds * 2).filter((_, i) => Math.floor(i / 2) % 2 === partition);
        expect(own.map(jsonOf)).toEqual(written);
      }
    }
  });

  it("read from Kafka what lies further back, and go on with what all are given when they have caught up", async () => {
    await harness.write("quakes", large(300));
    const late = follow({ reader: "late" });
    await late.untilCount(300);
    await harness.write("quakes", large(100, 300));
    await late.untilCount(400);
    count.reset();
    await harness.write("quakes", large(20, 400));
    await late.untilCount(420);
    expect(count).toMatchObject({ fetches: 0, offsets: 0 });
    expect(late.records.map(jsonOf)).toEqual(large(420));
  });

  it("keep to a limit, and are acknowledged to the record", async () => {
    await harness.write("quakes", numbers(3));
    const first = follow({ reader: "some", limit: 5n });
    const beside = follow({ reader: "all" });
    await first.untilCount(3);
    await beside.untilCount(3);
    await harness.write("quakes", numbers(6, 3));
    expect(await first.ended()).toBeUndefined();
    await beside.untilCount(9);
    expect(first.records.map(jsonOf)).toEqual(numbers(5));
    expect(await harness.values({ reader: "some" })).toEqual(numbers(4, 5));
  });

  it("serve those that wait for a first record, too", async () => {
    await harness.write("quakes", numbers(2));
    const readers = Array.from({ length: 20 }, (_, i) => `w${i}`);
    await Promise.all(readers.map(async (reader) => harness.fetch({ reader })));
    const waiting = readers.map(async (reader) => harness.values({ reader, wait: { seconds: 60n } }));
    await new Promise((resolve) => setTimeout(resolve, 500));
    count.reset();
    await harness.write("quakes", numbers(3, 2));
    for (const values of await Promise.all(waiting)) expect(values).toEqual(numbers(3, 2));
    expect(count.fetches).toBe(0);
  });

  it("hold a bounded amount for a client that stops reading, and let the others go on", async () => {
    const stalled = follow({ reader: "stalled" }, harness.connect());
    await harness.write("quakes", large(1));
    await stalled.untilCount(1);
    stalled.hold();
    const records = 12_000;
    for (let from = 1; from < records; from += 3000) {
      await harness.write("quakes", large(Math.min(3000, records - from), from));
    }
    await harness.write("quakes", large(1, records));
    const before = count.bytes;
    // What HTTP/2 takes on the way, some messages, one fetch that was taken and one ahead; of 7.5 MB.
    expect(before).toBeLessThan(3_000_000);
    const other = follow({ reader: "other" }, harness.connect());
    await other.untilCount(records + 1);
    expect(stalled.records.length).toBeLessThan(2000);
    expect(count.bytes - before).toBeLessThan(1.5 * records * 630);
    stalled.go();
    await stalled.untilCount(records + 1);
    for (const { records: own } of [stalled, other]) {
      expect(own.map(({ offset }) => offset)).toEqual([...new Set(own.map(({ offset }) => offset))]);
      expect(own.map(jsonOf)).toEqual(large(records + 1));
    }
  });

  it("see partitions that are added and sources that come", async () => {
    const following = follow({ reader: "curious" });
    const named = follow({ reader: "choosy", sources: ["quakes"] });
    await harness.write("quakes", numbers(1));
    await following.untilCount(1);
    const admin = harness.kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic: harness.names.records("quakes"), count: 3 }] });
    await admin.disconnect();
    await harness.topic("storms");
    await harness.write("storms", numbers(1, 70));
    await harness.write("quakes", numbers(1, 50), { partition: 2 });
    await following.untilCount(3);
    await named.untilCount(2);
    expect(following.records.map(jsonOf).toSorted()).toEqual([...numbers(1), ...numbers(1, 50), ...numbers(1, 70)]);
    expect(named.records.map(jsonOf)).toEqual([...numbers(1), ...numbers(1, 50)]);
    count.reset();
    await harness.write("quakes", numbers(1, 51), { partition: 2 });
    await following.untilCount(4);
    expect(count.fetches).toBe(0);
  });

  it("report what is deleted before it is read, and go on behind it", async () => {
    const following = follow({ reader: "slow" });
    await harness.write("quakes", large(1));
    await following.untilCount(1);
    following.hold();
    await harness.write("quakes", large(3000, 1));
    await expireRecords(harness.kafka, harness.names.records("quakes"), 2800);
    following.go();
    await following.until(
      () => following.records.at(-1)?.offset === 3001n,
      () => `the last record (${String(following.records.at(-1)?.offset)})`,
    );
    if (readsStore) {
      // A store has what Kafka has let go.
      expect(following.records.map(jsonOf)).toEqual(large(3001));
      expect(following.gaps).toEqual([]);
      return;
    }
    expect(following.gaps).toMatchObject([{ source: "quakes", toOffset: 2800n, reason: GapReason.EXPIRED }]);
    const [gap] = following.gaps;
    const offsets = following.records.map(({ offset }) => offset);
    expect(offsets.findLast((offset) => offset < 2800n)).toBeLessThan(gap?.fromOffset ?? 0n);
    expect(offsets.filter((offset) => offset >= 2800n)).toHaveLength(202);
  });

  it("see a topic that is deleted and made again, and lose nothing of the others", async () => {
    await harness.topic("storms");
    const following = follow({ reader: "faithful" });
    await harness.write("quakes", numbers(5));
    await harness.write("storms", numbers(1, 90));
    await following.untilCount(6);
    const admin = harness.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [harness.names.records("quakes")] });
    await harness.write("storms", numbers(1, 91));
    await following.untilCount(7);
    await harness.topic("quakes");
    await admin.disconnect();
    await harness.write("quakes", numbers(2, 60));
    await harness.write("storms", numbers(1, 92));
    await following.untilCount(10);
    const of = (source: string): string[] => following.records.filter((r) => r.source === source).map(jsonOf);
    expect(of("quakes")).toEqual([...numbers(5), ...numbers(2, 60)]);
    expect(of("storms")).toEqual(numbers(3, 90));
    expect(following.gaps).toMatchObject([{ source: "quakes", reason: GapReason.TOPIC_RECREATED }]);
    await following.stop();
  });

  it("end when the source that was asked for is gone for good", async () => {
    const following = follow({ reader: "choosy", sources: ["quakes"] });
    await harness.write("quakes", numbers(1));
    await following.untilCount(1);
    const admin = harness.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [harness.names.records("quakes")] });
    await admin.disconnect();
    const error = ConnectError.from(await following.ended());
    expect([error.code, reasonOf(error)]).toEqual([Code.NotFound, "UNKNOWN_SOURCE"]);
  });
});

describe("a small source beside large ones", () => {
  it("comes long before the large ones are through, and so does a small partition", async () => {
    const harness = await Harness.start({ fetchBytes: FETCH_BYTES, batchBytes: 32 * 1024 });
    try {
      const text = "x".repeat(500);
      for (const source of ["a", "b", "c", "d", "e", "f"]) await harness.topic(source, 2);
      await harness.topic("small");
      await harness.topic("uneven", 2);
      const many = numbers(2000).map((value) => value.replace("}", `,"text":"${text}"}`));
      for (const source of ["a", "b", "c", "d", "e", "f"]) {
        for (const partition of [0, 1]) await harness.write(source, many, { partition, perSend: 100 });
      }
      await harness.write("uneven", many, { partition: 0, perSend: 100 });
      await harness.write("uneven", numbers(10), { partition: 1 });
      await harness.write("small", numbers(10));
      const { records } = await harness.fetch({ reader: "fair" });
      expect(records).toHaveLength(26_020);
      const lastOf = (check: (record: (typeof records)[number]) => boolean): number => records.findLastIndex(check);
      // One round of all is enough for what is small.
      expect(lastOf(({ source }) => source === "small")).toBeLessThan(4000);
      expect(lastOf(({ source, partition }) => source === "uneven" && partition === 1)).toBeLessThan(4000);
      // And the large ones come evenly.
      const half = records.slice(0, 13_000);
      for (const source of ["a", "b", "c", "d", "e", "f"]) {
        expect(half.filter((record) => record.source === source).length).toBeGreaterThan(1000);
      }
    } finally {
      await harness.stop();
    }
  });
});
