import { randomBytes } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { reasonOf } from "@apispool/common/errors.js";
import { silentLogger } from "@apispool/common/logger.js";
import { ensureTopics, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { deadLetterHeaders, recordHeaders } from "@apispool/kafka-log/topics.js";
import { Harness } from "./testing/harness.js";

const failure = async (call: Promise<unknown>): Promise<ConnectError> =>
  await call.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => ConnectError.from(error),
  );

describe("dead letters", () => {
  let harness: Harness;
  let written = 0;

  beforeAll(async () => {
    harness = await Harness.start();
    const topics = ["orders", "quakes", "silent"].map((source) => harness.names.deadLetters(source));
    await ensureTopics(
      harness.kafka,
      harness.brokers,
      topics.map((topic) => ({ topic, partitions: 1, config: keptForEver })),
      silentLogger,
    );
  });
  afterAll(() => harness.stop());

  /** As the ingestor writes them: each in a transaction, which leaves a marker behind. */
  async function write(
    source: string,
    values: readonly (string | Buffer)[],
    { abort = false, fullBytes = 0 } = {},
  ): Promise<void> {
    const producer = harness.kafka.producer({
      transactionalId: `${harness.prefix}.${source}.${randomBytes(3).toString("hex")}`,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const topic = harness.names.deadLetters(source);
    let last = -1;
    for (const value of values) {
      const transaction = await producer.transaction();
      written += 1;
      const [sent] = await transaction.send({
        topic,
        messages: [
          {
            partition: 0,
            key: "hash",
            value,
            timestamp: String(1_700_000_000_000 + written),
            headers: {
              [recordHeaders.id]: "hash",
              [deadLetterHeaders.reason]: "it has no id",
              [deadLetterHeaders.place]: `item ${written}`,
              ...(fullBytes === 0 ? {} : { [deadLetterHeaders.fullBytes]: String(fullBytes) }),
            },
          },
        ],
      });
      await (abort ? transaction.abort() : transaction.commit());
      last = Number(sent?.baseOffset ?? 0);
    }
    await harness.ended(topic, 0, last);
    await producer.disconnect();
  }

  const list = async (init: Parameters<typeof harness.client.listDeadLetters>[0]) => {
    const { deadLetters, more } = await harness.client.listDeadLetters(init);
    return { texts: deadLetters.map(({ raw }) => Buffer.from(raw).toString()), deadLetters, more };
  };

  it("are told the newest first, over all sources or of one, markers and aborted ones left out", async () => {
    expect(await list({})).toMatchObject({ texts: [], more: false });
    await write("orders", ["a", "b"]);
    await write("quakes", ["c"]);
    await write("orders", ["never"], { abort: true });
    await write("orders", ["d"]);
    expect(await list({})).toMatchObject({ texts: ["d", "c", "b", "a"], more: false });
    const { texts, deadLetters } = await list({ sources: ["orders"] });
    expect(texts).toEqual(["d", "b", "a"]);
    expect(deadLetters[2]).toMatchObject({
      source: "orders",
      partition: 0,
      offset: 0n,
      reason: "it has no id",
      place: "item 1",
      fullBytes: 1n,
      writtenAt: { seconds: 1_700_000_000n, nanos: 1_000_000 },
    });
    expect((await list({ sources: ["silent"] })).texts).toEqual([]);
  });

  it("keep to the limit and say that there are more, however far back they lie", async () => {
    await write(
      "orders",
      Array.from({ length: 20 }, (_, i) => `n${i}`),
    );
    // Nothing but markers for a while.
    await write("orders", ["never", "never", "never", "never", "never", "never"], { abort: true });
    expect(await list({ sources: ["orders"], limit: 2 })).toMatchObject({ texts: ["n19", "n18"], more: true });
    expect((await list({ sources: ["orders"], limit: 15 })).texts).toEqual(
      Array.from({ length: 15 }, (_, i) => `n${19 - i}`),
    );
    expect(await list({ sources: ["orders"], limit: 23 })).toMatchObject({ more: false });
    expect((await list({ sources: ["orders"], limit: 1000 })).texts.slice(-3)).toEqual(["d", "b", "a"]);
  });

  it("are cut as they are asked to be, and say how long they were", async () => {
    await write("quakes", [Buffer.alloc(10_000, "x")]);
    await write("quakes", [Buffer.from([0xff, 0, 1])], { fullBytes: 9_000_000 });
    const [binary, long] = (await list({ sources: ["quakes"], limit: 2 })).deadLetters;
    expect([binary?.raw, binary?.fullBytes]).toEqual([Uint8Array.from([0xff, 0, 1]), 9_000_000n]);
    expect([long?.raw.length, long?.fullBytes]).toEqual([4096, 10_000n]);
    const { deadLetters } = await list({ sources: ["quakes"], limit: 2, maxRawBytes: 524_288 });
    expect(deadLetters[1]?.raw.length).toBe(10_000);
  });

  it("never come to more than a message may hold", async () => {
    await write(
      "quakes",
      Array.from({ length: 6 }, (_, i) => Buffer.alloc(512 * 1024, String(i))),
    );
    const { texts, more } = await list({ sources: ["quakes"], limit: 6, maxRawBytes: 524_288 });
    expect([texts.map((text) => text[0]), more]).toEqual([["5", "4", "3", "2"], true]);
  });

  it("move no reader, and make none", async () => {
    await list({});
    expect((await harness.client.listReaders({})).readers).toEqual([]);
  });

  it("refuse what is wrong", async () => {
    const wrong = await failure(list({ limit: 1001, maxRawBytes: 600_000 }));
    expect([wrong.code, wrong.rawMessage]).toEqual([
      Code.InvalidArgument,
      expect.stringMatching(/limit: is 1001.*max_raw_bytes/s),
    ]);
    const unknown = await failure(list({ sources: ["nope"] }));
    expect([unknown.code, reasonOf(unknown)]).toEqual([Code.NotFound, "UNKNOWN_SOURCE"]);
    expect(unknown.rawMessage).toMatch(/nope.*orders.*quakes/s);
  });
});
