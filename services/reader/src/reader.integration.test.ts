import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { expireRecords } from "@apispool/kafka-log/testing/expire-records.js";
import { AckMode, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { Harness, jsonOf, numbers } from "./testing/harness.js";
import { readsStore } from "./testing/projection.js";

const failure = async (call: Promise<unknown>): Promise<ConnectError> =>
  await call.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => ConnectError.from(error),
  );

describe("the reader", () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await Harness.start({ busyWaitMs: 300, batchBytes: 4096 });
    await harness.topic("quakes");
  });
  afterEach(() => harness.stop());

  it("hands a new reader everything at once, then only what is newer, each record once and in order", async () => {
    await harness.write("quakes", numbers(500));
    const first = await harness.fetch({ reader: "me" });
    expect(first.records.map(jsonOf)).toEqual(numbers(500));
    expect(first.batches.length).toBeGreaterThan(3);
    expect(first.batches.map(({ complete }) => complete)).toEqual(
      first.batches.map((_, i) => i === first.batches.length - 1),
    );
    expect(first.records[7]).toMatchObject({ source: "quakes", id: "k7", partition: 0, offset: 7n });
    expect(await harness.values({ reader: "me" })).toEqual([]);
    await harness.write("quakes", numbers(3, 500));
    expect(await harness.values({ reader: "me" })).toEqual(numbers(3, 500));
    expect(await harness.values({ reader: "other" })).toEqual(numbers(503));
  });

  it("does not deliver what was aborted, and is not held up by it", async () => {
    await harness.write("quakes", numbers(5));
    await harness.write("quakes", numbers(5, 100), { abort: true });
    await harness.write("quakes", numbers(5, 5));
    await harness.write("quakes", numbers(5, 200), { abort: true });
    expect(await harness.values()).toEqual(numbers(10));
    expect(await harness.values()).toEqual([]);
    const { reader } = await harness.client.getReader({});
    expect(reader).toMatchObject({ unread: 0n });
  });

  it("keeps to limits, by records and by bytes, and goes on exactly there", async () => {
    await harness.write("quakes", numbers(30));
    expect(await harness.values({ limit: 7n })).toEqual(numbers(7));
    expect(await harness.values({ limit: 1n })).toEqual(numbers(1, 7));
    // One record at least, however small the limit; key and value count.
    expect(await harness.values({ maxBytes: 1n })).toEqual(numbers(1, 8));
    expect(await harness.values({ maxBytes: 30n })).toEqual(numbers(2, 9));
    expect(await harness.values({ limit: 5n, maxBytes: 1_000_000n })).toEqual(numbers(5, 11));
    expect(await harness.values()).toEqual(numbers(14, 16));
  });

  it("reads several sources and partitions, each in its own order", async () => {
    await harness.topic("many", 4);
    for (let partition = 0; partition < 4; partition += 1) {
      await harness.write("many", numbers(300, partition * 1000), { partition });
    }
    await harness.write("quakes", numbers(10));
    const { records } = await harness.fetch({ reader: "all" });
    expect(records).toHaveLength(1210);
    for (let partition = 0; partition < 4; partition += 1) {
      const own = records.filter((r) => r.source === "many" && r.partition === partition);
      expect(own.map(jsonOf)).toEqual(numbers(300, partition * 1000));
    }
    expect(await harness.values({ reader: "some", sources: ["quakes"] })).toEqual(numbers(10));
    expect(await harness.values({ reader: "some", sources: ["many"], limit: 2000n })).toHaveLength(1200);
    const error = await failure(harness.values({ sources: ["nope"] }));
    expect([error.code, reasonOf(error)]).toEqual([Code.NotFound, "UNKNOWN_SOURCE"]);
    expect(error.rawMessage).toMatch(/"nope"; known: "many", "quakes"/);
  });

  it("with MANUAL gives the same until it is acknowledged; a cursor behind changes nothing and says so", async () => {
    await harness.write("quakes", numbers(6));
    const first = await harness.fetch({ ack: AckMode.MANUAL, limit: 4n });
    expect((await harness.fetch({ ack: AckMode.MANUAL, limit: 4n })).records.map(jsonOf)).toEqual(numbers(4));
    const acknowledged = await harness.client.acknowledge({ cursor: first.cursor });
    expect(acknowledged).toMatchObject({ changed: true, positions: [{ source: "quakes", partition: 0, offset: 4n }] });
    const rest = await harness.fetch({ ack: AckMode.MANUAL });
    expect(rest.records.map(jsonOf)).toEqual(numbers(2, 4));
    expect(await harness.values({ ack: AckMode.MANUAL, ackCursor: rest.cursor })).toEqual([]);
    expect(await harness.client.acknowledge({ cursor: first.cursor })).toMatchObject({
      changed: false,
      positions: [{ offset: 7n }],
    });
  });

  it("refuses cursors that are damaged, or another reader's", async () => {
    await harness.write("quakes", numbers(2));
    const { cursor } = await harness.fetch({ reader: "a", ack: AckMode.MANUAL });
    for (const call of [
      harness.client.acknowledge({ reader: "b", cursor }),
      harness.client.acknowledge({ reader: "a", cursor: cursor.slice(0, -3) }),
      harness.values({ reader: "b", ackCursor: cursor }),
      harness.values({ reader: "b", since: cursor }),
    ]) {
      const error = await failure(call);
      expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_CURSOR"]);
    }
    expect((await failure(harness.client.acknowledge({}))).rawMessage).toMatch(/cursor: is missing/);
  });

  it("from a cursor on moves nothing: a peek or a replay", async () => {
    await harness.write("quakes", numbers(6));
    const { cursor } = await harness.fetch({ limit: 2n });
    expect(await harness.values({ since: cursor })).toEqual(numbers(4, 2));
    expect(await harness.values({ since: cursor, limit: 1n })).toEqual(numbers(1, 2));
    expect(await harness.values()).toEqual(numbers(4, 2));
  });

  it("reads from a place in the log and makes no reader; the cursors of that are whole", async () => {
    await harness.topic("still", 2);
    await harness.write("quakes", numbers(6));
    await harness.write("still", numbers(2, 50));
    expect(await harness.values({ reader: "nobody", since: "earliest", sources: ["quakes"] })).toEqual(numbers(6));
    const { records, cursor } = await harness.fetch({ reader: "nobody", since: "latest" });
    expect(records).toEqual([]);
    await harness.write("quakes", numbers(2, 6));
    // In "still" nothing has come, and its place is in the cursor all the same.
    const next = await harness.fetch({ reader: "nobody", since: cursor });
    expect(next.records.map(jsonOf)).toEqual(numbers(2, 6));
    await harness.write("still", numbers(1, 52), { partition: 1 });
    const last = await harness.fetch({ reader: "nobody", since: next.cursor });
    expect(last.records.map(jsonOf)).toEqual(numbers(1, 52));
    const at = last.records[0]?.ingestedAt;
    if (at === undefined) throw new Error("no time");
    const since = new Date(Number(at.seconds) * 1000 + at.nanos / 1e6).toISOString();
    expect(await harness.values({ reader: "nobody", since })).toEqual(numbers(1, 52));
    expect((await failure(harness.client.getReader({ reader: "nobody" }))).code).toBe(Code.NotFound);
    const error = await failure(harness.values({ since: "12:00" }));
    expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, expect.stringMatching(/^since: is "12:00"/)]);
  });

  it("begins where a new reader asks, and asks only once", async () => {
    await harness.write("quakes", numbers(3));
    const latest = { reader: "late", start: { at: { case: "latest", value: {} } } } as const;
    expect(await harness.values(latest)).toEqual([]);
    await harness.write("quakes", numbers(2, 3));
    expect(await harness.values(latest)).toEqual(numbers(2, 3));
    // A source that came to be after the reader is read from its beginning, whatever `start` says.
    await harness.topic("newer");
    await harness.write("newer", numbers(2, 70));
    expect(await harness.values(latest)).toEqual(numbers(2, 70));
    const { records } = await harness.fetch({ reader: "times", limit: 4n, ack: AckMode.MANUAL, sources: ["quakes"] });
    const at = records[3]?.ingestedAt;
    if (at === undefined) throw new Error("no time");
    const start = { at: { case: "timestamp", value: at } } as const;
    expect(await harness.values({ reader: "since-then", start, sources: ["quakes"] })).toEqual(numbers(2, 3));
  });

  it("waits for the first record, and not longer than asked", async () => {
    const waiting = harness.values({ wait: { seconds: 60n } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await harness.write("quakes", numbers(2));
    expect(await waiting).toEqual(numbers(2));
    expect(await harness.values({ wait: { seconds: 0n, nanos: 50_000_000 } })).toEqual([]);
  });

  it("follows: new records, new sources, and each once although the stream is broken off", async () => {
    await harness.write("quakes", numbers(2));
    const seen: string[] = [];
    const gone = new AbortController();
    const tail = (async () => {
      for await (const { records, complete } of harness.client.fetchUnread({ follow: true }, { signal: gone.signal })) {
        expect(complete).toBe(false);
        seen.push(...records.map(jsonOf));
      }
    })();
    const until = async (count: number): Promise<void> => {
      for (const end = Date.now() + 20_000; seen.length < count;) {
        if (Date.now() > end) throw new Error(`only ${seen.length} of ${count} came`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await until(2);
    await harness.write("quakes", numbers(3, 2));
    await until(5);
    await harness.topic("newer");
    await harness.write("newer", numbers(1, 90));
    await until(6);
    const busy = await failure(harness.values());
    expect([busy.code, reasonOf(busy)]).toEqual([Code.Aborted, "READER_BUSY"]);
    expect(busy.rawMessage).toMatch(/live tail/);
    // What the client took off the stream counts as read a moment later.
    for (const end = Date.now() + 10_000; ;) {
      if ((await harness.client.getReader({})).reader?.unread === 0n) break;
      if (Date.now() > end) throw new Error("the live tail was not acknowledged");
    }
    gone.abort();
    await expect(tail).rejects.toThrow();
    await harness.write("quakes", numbers(1, 5));
    expect(await harness.values()).toEqual(numbers(1, 5));
    expect(seen).toEqual([...numbers(5), ...numbers(1, 90)]);
  });

  it("gives back what a client did not take to its end", async () => {
    await harness.write("quakes", numbers(2000));
    const gone = new AbortController();
    const cut = (async () => {
      for await (const { records } of harness.client.fetchUnread({}, { signal: gone.signal })) {
        expect(records.length).toBeGreaterThan(0);
        gone.abort();
      }
    })();
    await expect(cut).rejects.toThrow();
    expect(await harness.values()).toEqual(numbers(2000));
    expect(await harness.values()).toEqual([]);
  });

  it("keeps a lease until it is acknowledged; one that is cancelled or over puts everything back", async () => {
    await harness.write("quakes", numbers(3));
    const leased = async (signal: AbortSignal, seconds = 60n) => {
      const stream = harness.client.fetchUnread({ ack: AckMode.LEASE, lease: { seconds } }, { signal });
      const iterator = stream[Symbol.asyncIterator]();
      const { value } = await iterator.next();
      expect(value).toMatchObject({ complete: true });
      return { cursor: (value as { cursor: string }).cursor, rest: iterator.next() };
    };
    const gone = new AbortController();
    const first = await leased(gone.signal);
    expect(reasonOf(await failure(harness.values()))).toBe("READER_BUSY");
    gone.abort();
    await expect(first.rest).rejects.toThrow();
    const second = await leased(new AbortController().signal);
    const next = harness.values();
    await harness.client.acknowledge({ cursor: second.cursor });
    expect(await second.rest).toMatchObject({ done: true });
    expect(await next).toEqual([]);
    await harness.write("quakes", numbers(1, 3));
    const third = await leased(new AbortController().signal, 1n);
    expect(await third.rest).toMatchObject({ done: true });
    expect(await harness.values()).toEqual(numbers(1, 3));
  });

  it("reports what cannot be had any more as a gap, and delivers the rest", async () => {
    await harness.write("quakes", numbers(10));
    await harness.fetch({ limit: 2n });
    await expireRecords(harness.kafka, harness.names.records("quakes"), 6);
    const { batches, records } = await harness.fetch();
    const gaps = batches.flatMap((batch) => batch.gaps);
    if (readsStore) {
      // A store has what Kafka has let go.
      expect(records.map(jsonOf)).toEqual(numbers(8, 2));
      expect(gaps).toEqual([]);
    } else {
      expect(records.map(jsonOf)).toEqual(numbers(4, 6));
      expect(gaps).toMatchObject([
        { source: "quakes", partition: 0, fromOffset: 2n, toOffset: 6n, reason: GapReason.EXPIRED },
      ]);
    }
    expect((await harness.fetch()).batches.flatMap(({ gaps }) => gaps)).toEqual([]);
    // A new reader has missed nothing.
    expect((await harness.fetch({ reader: "new" })).batches.flatMap(({ gaps }) => gaps)).toEqual([]);
  });

  it("seeks to the beginning, the end, a time, offsets and a cursor", async () => {
    await harness.topic("other");
    await harness.write("quakes", numbers(6));
    await harness.write("other", numbers(2, 50));
    const { cursor } = await harness.fetch({ sources: ["quakes"], limit: 3n });
    const { client } = harness;
    await client.seek({ to: { case: "latest", value: {} } });
    expect(await harness.values()).toEqual([]);
    await client.seek({ to: { case: "earliest", value: {} }, sources: ["quakes"] });
    expect(await harness.values()).toEqual(numbers(6));
    await client.seek({ to: { case: "cursor", value: cursor } });
    expect(await harness.values()).toEqual(numbers(3, 3));
    const positions = [{ source: "quakes", partition: 0, offset: 5n }];
    expect(await client.seek({ to: { case: "offsets", value: { positions } } })).toMatchObject({ positions });
    expect(await harness.values()).toEqual(numbers(1, 5));
    await client.seek({ to: { case: "timestamp", value: { seconds: 1n } } });
    expect(await harness.values()).toHaveLength(8);
    const far = [
      { source: "quakes", partition: 0, offset: 99n },
      { source: "nope", partition: 0, offset: 0n },
    ];
    const error = await failure(client.seek({ to: { case: "offsets", value: { positions: far } } }));
    expect(error.rawMessage).toMatch(
      /positions\[0\]\.offset: is 99; Kafka has 0 to 7 there; .*positions\[1\]: there is no nope\/0/,
    );
    expect((await failure(client.seek({}))).rawMessage).toMatch(/to: is missing; it must be one of earliest/);
  });

  it("tells how readers stand: markers do not count, and the age of the oldest", async () => {
    await harness.write("quakes", numbers(2));
    await harness.write("quakes", numbers(3, 2));
    await harness.write("quakes", numbers(4, 5));
    await harness.fetch({ reader: "b", limit: 3n });
    await harness.fetch({ reader: "a", ack: AckMode.MANUAL });
    const { readers } = await harness.client.listReaders({});
    expect(readers.map(({ name, unread, unreadIsEstimate }) => [name, unread, unreadIsEstimate])).toEqual([
      ["a", 9n, false],
      ["b", 6n, false],
    ]);
    const { reader } = await harness.client.getReader({ reader: "b" });
    expect(reader).toMatchObject({
      name: "b",
      unread: 6n,
      positions: [{ source: "quakes", partition: 0, offset: 4n }],
    });
    expect(reader?.oldestUnreadAt).toBeDefined();
    expect(reader?.lastActivityAt).toBeDefined();
    expect(reasonOf(await failure(harness.client.getReader({ reader: "nobody" })))).toBe("UNKNOWN_READER");
    await harness.client.deleteReader({ reader: "b" });
    expect(reasonOf(await failure(harness.client.deleteReader({ reader: "b" })))).toBe("UNKNOWN_READER");
    expect((await failure(harness.client.deleteReader({}))).rawMessage).toMatch(/reader: is missing/);
    expect(await harness.values({ reader: "b" })).toHaveLength(9);
  });

  it("shows its position to every Kafka tool, as a consumer group, and respects one that is alive", async () => {
    await harness.write("quakes", numbers(3));
    await harness.fetch({ reader: "tool" });
    const admin = harness.kafka.admin();
    await admin.connect();
    const groupId = harness.names.readerGroup("tool");
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [harness.names.records("quakes")] });
    expect(offsets?.partitions).toMatchObject([{ partition: 0, offset: "4" }]);
    await admin.disconnect();
    await harness.write("quakes", numbers(1, 3));
    const consumer = harness.kafka.consumer({ groupId });
    await consumer.connect();
    await consumer.subscribe({ topic: harness.names.records("quakes") });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, () => resolve());
      consumer.run({ autoCommit: false, eachMessage: async () => Promise.resolve() }).catch(reject);
    });
    const { cursor } = await harness.fetch({ reader: "tool", ack: AckMode.MANUAL });
    const error = await failure(harness.client.acknowledge({ reader: "tool", cursor }));
    expect([error.code, reasonOf(error)]).toEqual([Code.FailedPrecondition, "READER_IN_USE_BY_GROUP"]);
    await consumer.disconnect();
    expect(await harness.values({ reader: "tool" })).toEqual(numbers(1, 3));
  });
});

describe("two fetches of one reader", () => {
  it("never both deliver a record, however they come", async () => {
    const harness = await Harness.start({ busyWaitMs: 30_000 });
    try {
      await harness.topic("quakes");
      await harness.write("quakes", numbers(400));
      const clients = Array.from({ length: 8 }, () => harness.connect());
      const all = (
        await Promise.all(
          clients.map(async (client) => {
            const mine: string[] = [];
            for (let i = 0; i < 6; i += 1) mine.push(...(await harness.values({ limit: 10n }, client)));
            return mine;
          }),
        )
      ).flat();
      expect(all).toHaveLength(400);
      expect(new Set(all).size).toBe(400);
    } finally {
      await harness.stop();
    }
  });
});
