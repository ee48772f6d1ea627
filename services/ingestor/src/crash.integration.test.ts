import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ChildIngestors } from "./testing/child-ingestor.js";
import { FakeApi } from "./testing/fake-api.js";
import { Harness, eventually, headerOf } from "./testing/harness.js";
import { PagedApi } from "./testing/paged-api.js";

const PAGES = 60;
const PER_PAGE = 50;

describe("an ingestor that is killed", () => {
  let harness: Harness;
  let api: FakeApi;
  let paged: PagedApi;
  let children: ChildIngestors;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
    paged = new PagedApi(PAGES, PER_PAGE);
    api.answer((request, response) => setTimeout(() => paged.answer(request, response), 5));
    const yaml = `
sources:
  things:
    url: ${api.url}
    id: id
    interval: 100ms
    pagination: { type: link_header }
    autostart: true
`;
    children = await ChildIngestors.create(yaml, {
      KAFKA_BROKERS: harness.brokers.join(","),
      TOPIC_PREFIX: harness.prefix,
    });
  });
  afterEach(async () => {
    await children[Symbol.asyncDispose]();
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  const ids = async (): Promise<number[]> =>
    (await harness.values().catch(() => [])).map((value) => (JSON.parse(value) as { id: number }).id);

  async function expectEveryRecordOnce(): Promise<void> {
    await eventually(async () => expect((await ids()).length).toBeGreaterThanOrEqual(PAGES * PER_PAGE), 60_000);
    expect(await ids()).toEqual(Array.from({ length: PAGES * PER_PAGE }, (_, i) => i));
    const records = await harness.read(harness.names.records("things"));
    expect(records.map((record) => Number(headerOf(record, "apispool-seq")))).toEqual(records.map((_, i) => i + 1));
  }

  it("ten times at any moment, writes every record once, in order", async () => {
    let killed = 0;
    while (killed < 10) {
      const asked = paged.asked.length;
      const child = children.start();
      // Once it polls; a process that is killed before that proves nothing.
      await eventually(async () => expect(paged.asked.length).toBeGreaterThan(asked), 30_000);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      await children.kill(child);
      killed += 1;
    }
    children.start();
    await expectEveryRecordOnce();
  }, 180_000);

  it("while it is only asleep, comes back to find that another has its source", async () => {
    const first = children.start();
    await eventually(async () => expect((await ids()).length).toBeGreaterThan(PER_PAGE * 3), 30_000);
    const second = children.start();
    first.kill("SIGSTOP");
    const asked = paged.asked.length;
    // Found out after a session of six seconds.
    await eventually(async () => expect(paged.asked.length).toBeGreaterThan(asked + 2), 40_000);
    first.kill("SIGCONT");
    await expectEveryRecordOnce();
    expect([first.exitCode, second.exitCode]).toEqual([null, null]);
  }, 180_000);
});
