import { createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { DataReader, type FetchUnreadResponse, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { silentLogger } from "@apispool/common/logger.js";
import { readerConfigFromEnv } from "./config.js";
import { EnvReader } from "@apispool/common/env.js";
import { startReader } from "./reader.js";
import { CutProxy } from "./testing/cut-proxy.js";
import { Harness, numbers } from "./testing/harness.js";

const seed = Number(process.env["APISPOOL_MODEL_SEED"] ?? Date.now() % 1_000_000);
const STEPS = 40;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("write"), count: fc.integer({ min: 1, max: 200 }), abort: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("fetch"), limit: fc.constantFrom(0, 1, 50) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("cut"), bytes: fc.integer({ min: 0, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("together"), limit: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("delete"), share: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart") }) },
);

/** The small form, on a real broker, of what `reading-model.test.ts` does on a log in memory. */
it(`hands out every record once, in order, or tells that it is gone, on a real Kafka (seed ${seed})`, async () => {
  const harness = await Harness.start({ batchBytes: 2000, busyWaitMs: 20_000 });
  const proxy = new CutProxy();
  const proxyPort = await proxy.listen();
  proxy.target = harness.server?.port ?? 0;
  /** By offset: what a reader may be handed, as the log has it. */
  const there = new Map<number, string>();
  const acknowledged = new Set<number>();
  const gone: { from: number; to: number }[] = [];
  let written = 0;

  const offsets = (batches: readonly FetchUnreadResponse[]): number[] =>
    batches.flatMap(({ records }) => records.map(({ offset }) => Number(offset)));
  const look = async (): Promise<void> => {
    const { records } = await harness.fetch({ reader: "oracle", since: "earliest" });
    for (const { offset, payload } of records) there.set(Number(offset), String(payload.value));
  };
  /** Checks what came, and counts it as read when it was acknowledged. */
  const took = (batches: readonly FetchUnreadResponse[], all: boolean): void => {
    const got = offsets(batches);
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    for (const offset of got) expect([offset, acknowledged.has(offset)]).toEqual([offset, false]);
    if (!all) return;
    for (const offset of got) acknowledged.add(offset);
    for (const { fromOffset, toOffset, reason } of batches.flatMap(({ gaps }) => gaps)) {
      expect(reason).toBe(GapReason.EXPIRED);
      gone.push({ from: Number(fromOffset), to: Number(toOffset) });
    }
  };

  try {
    await harness.topic("quakes");
    // The reader exists before anything is deleted: what is gone before anybody ever read is no gap.
    await harness.write("quakes", numbers(1, 0));
    written = 1;
    await look();
    took((await harness.fetch({})).batches, true);
    const steps = fc.sample(step, { numRuns: STEPS, seed });
    for (const one of steps) {
      if (one.op === "write") {
        await harness.write("quakes", numbers(one.count, written), { abort: one.abort });
        if (!one.abort) written += one.count;
        await look();
      } else if (one.op === "fetch") {
        const { batches } = await harness.fetch({ limit: BigInt(one.limit) });
        took(batches, true);
      } else if (one.op === "cut") {
        proxy.bytes = one.bytes;
        const session = new Http2SessionManager(`http://127.0.0.1:${proxyPort}`);
        const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${proxyPort}`, sessionManager: session });
        const batches: FetchUnreadResponse[] = [];
        try {
          for await (const batch of createClient(DataReader, transport).fetchUnread({})) batches.push(batch);
        } catch {
          // That is what it is for.
        }
        session.abort();
        took(batches, false);
        // With all of it the client may count as having it: then the next fetch does not give it again.
        if (batches.at(-1)?.complete !== true) continue;
        const next = await harness.fetch({});
        const again = new Set(offsets(next.batches));
        if (!offsets(batches).some((offset) => again.has(offset))) took(batches, true);
        took(next.batches, true);
      } else if (one.op === "together") {
        const clients = [harness.connect(), harness.connect(), harness.connect()];
        const results = await Promise.all(
          clients.map(async (client) => (await harness.fetch({ limit: BigInt(one.limit) }, client)).batches),
        );
        for (const batches of results) took(batches, true);
      } else if (one.op === "delete") {
        const last = Math.max(0, ...there.keys());
        const admin = harness.kafka.admin();
        await admin.connect();
        const topic = harness.names.records("quakes");
        await admin.fetchTopicOffsets(topic);
        const offset = String(Math.floor((last * one.share) / 100));
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] }).catch(() => undefined);
        await admin.disconnect();
      } else {
        await harness.server?.stop();
        const env = new EnvReader({ READER_ADDRESS: "127.0.0.1:0" });
        const config = { ...readerConfigFromEnv(env), kafka: harness.settings, batchBytes: 2000, busyWaitMs: 20_000 };
        harness.server = await startReader(config, silentLogger);
        harness.client = harness.connect();
        proxy.target = harness.server.port;
      }
    }
    took((await harness.fetch({})).batches, true);
    expect(await harness.values({})).toEqual([]);
    const missing = [...there.keys()].filter(
      (offset) => !acknowledged.has(offset) && !gone.some(({ from, to }) => offset >= from && offset < to),
    );
    expect(missing).toEqual([]);
    expect([...there.values()]).toEqual(numbers(written));
  } finally {
    await proxy.close();
    await harness.stop();
  }
}, 240_000);
