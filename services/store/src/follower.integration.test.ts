import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoreGap, StorePosition, StoreRow } from "@apispool/record-store/store.js";
import { Harness, quakes } from "./testing/harness.js";

const sources = ["expired", "again", "truncated", "calm"];

describe("what happened to the topics while nobody followed them", () => {
  let harness: Harness;
  /** As the store had it before. */
  const before = new Map<string, readonly string[]>();

  beforeAll(async () => {
    harness = await Harness.create();
    for (const source of sources) {
      await harness.topic(source);
      await harness.write(source, quakes(5));
    }
    await harness.start();
    for (const source of sources) {
      await harness.complete(source, 5);
      before.set(source, await harness.storeRows(source));
    }
    await harness.stopServer();

    // Offset 5 is the end of the first transaction.
    await harness.write("expired", quakes(10, 5));
    await harness.expire("expired", 9);
    await harness.topic("late");
    await harness.write("late", quakes(5));
    await harness.expire("late", 3);
    await harness.deleteTopic("again");
    await harness.topic("again");
    await harness.write("again", quakes(7, 100));
    await loseTheEnd("truncated");
    await harness.write("calm", quakes(1, 5));

    await harness.start();
    for (const [source, records] of [
      ["expired", 12],
      ["late", 2],
      ["again", 7],
      ["truncated", 5],
      ["calm", 6],
    ] as const) {
      await harness.complete(source, records);
    }
  }, 120_000);
  afterAll(() => harness.stop());

  /** After an unclean election of a leader Kafka ends before what the store has read of it. One broker has none, so it is the store that is ahead. */
  async function loseTheEnd(source: string): Promise<void> {
    const store = await harness.openStore();
    const { current } = store;
    const positions = await current.positions();
    const { topicId, nextOffset } = positions.find((one) => one.source === source) as StorePosition;
    const { rows } = await store.read(source, 0, 0, 1e6);
    const more = rows.map((row): StoreRow => ({ ...row, offset: row.offset + nextOffset }));
    await current.write(more, [{ source, topicId, partition: 0, nextOffset: nextOffset + 6 }], []);
    await store.close();
    expect(await harness.storeRows(source)).toHaveLength(10);
  }

  async function gapsOf(source: string): Promise<readonly StoreGap[]> {
    const store = await harness.openStore();
    const { gaps } = await store.read(source, 0, 0, 1e6);
    await store.close();
    return gaps;
  }

  it("keeps what it had of records that Kafka has let go, and tells of those that it never had", async () => {
    expect(await harness.storeRows("expired")).toEqual([
      ...(before.get("expired") ?? []),
      ...(await harness.topicRows("expired", 0, 9)),
    ]);
    expect(await gapsOf("expired")).toMatchObject([
      { source: "expired", partition: 0, fromOffset: 6, toOffset: 9, reason: "expired" },
    ]);
  });

  it("tells of what Kafka had let go before there was anything of the topic", async () => {
    expect(await harness.storeRows("late")).toEqual(await harness.topicRows("late", 0, 3));
    expect(await gapsOf("late")).toMatchObject([{ source: "late", fromOffset: 0, toOffset: 3, reason: "expired" }]);
  });

  it("has nothing of a topic any more that was deleted and made again, but what is in the new one", async () => {
    expect(await harness.storeRows("again")).toEqual(await harness.topicRows("again"));
    expect(await gapsOf("again")).toEqual([]);
  });

  it("has what Kafka has where that has lost the end of a topic, and no more", async () => {
    const rows = await harness.storeRows("truncated");
    expect(rows).toEqual(await harness.topicRows("truncated"));
    expect(rows).toEqual(before.get("truncated"));
    expect(await gapsOf("truncated")).toEqual([]);
    // And it goes on there.
    await harness.write("truncated", quakes(3, 5));
    await harness.complete("truncated", 8);
    expect(await harness.storeRows("truncated")).toEqual(await harness.topicRows("truncated"));
  });

  it("leaves the others as they are", async () => {
    expect(await harness.storeRows("calm")).toEqual(await harness.topicRows("calm"));
  });
});
