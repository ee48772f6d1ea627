import net from "node:net";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { ISocketFactory } from "kafkajs";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { FakeApi } from "./testing/fake-api.js";
import { PagedApi } from "./testing/paged-api.js";
import { Harness, type TestIngestor, eventually, headerOf } from "./testing/harness.js";

/** Kafka's numbers of the requests that make up a transaction. */
const WRITING = new Set([0, 24, 26]);

const twoPartitions = { partitions: 2, retentionMs: undefined, replication: undefined };

/** Connections to Kafka that break when a test says so. */
class Faults {
  readonly #sockets = new Set<net.Socket>();
  /** Nothing new connects. */
  down = false;
  /** How often, of 1, a request of a transaction has its answer swallowed and its connection cut. */
  loss = 0;
  swallowed = 0;

  readonly factory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect(this.down ? { host: "127.0.0.1", port: 1 } : { host, port }, onConnect);
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    const write = socket.write.bind(socket);
    /** Bytes of the request that has begun and is not written to its end. */
    let owed = 0;
    socket.write = (data: Buffer, ...rest: []) => {
      const begins = owed === 0;
      owed += (begins ? data.readInt32BE(0) + 4 : 0) - data.length;
      if (begins && WRITING.has(data.readInt16BE(4)) && Math.random() < this.loss) {
        this.swallowed += 1;
        // The broker gets the request and does it; its answer comes to nobody.
        socket.pause();
        write(data, ...rest);
        setTimeout(() => socket.destroy(new Error("connection lost")), 20);
        return true;
      }
      return write(data, ...rest);
    };
    return socket;
  };

  cut(): void {
    for (const socket of this.#sockets) socket.destroy(new Error("connection cut"));
  }
}

describe("exactly once, whatever breaks", () => {
  let harness: Harness;
  let api: FakeApi;
  let shown: number;
  /** Ends the growth of what the API shows. */
  let limit: number;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
    shown = 0;
    limit = Number.POSITIVE_INFINITY;
    api.answer((_request, response) => {
      shown = Math.min(shown + 10, limit);
      const newest = Array.from({ length: Math.min(shown, 50) }, (_, i) => ({ id: shown - Math.min(shown, 50) + i }));
      response.end(JSON.stringify(newest));
    });
  });
  afterEach(async () => {
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  const statusOf = async (ingestor: TestIngestor) => (await ingestor.control.getStatus({})).sources[0];

  async function expectExactlyOnce(ingestor: TestIngestor): Promise<void> {
    limit = shown;
    await eventually(async () => {
      expect(await statusOf(ingestor)).toMatchObject({ recordsTotal: BigInt(shown), consecutiveFailures: 0 });
    }, 40_000);
    const records = await harness.read(harness.names.records("things"));
    const expected = Array.from({ length: shown }, (_, i) => i);
    expect(records.map((r) => (JSON.parse(String(r.value)) as { id: number }).id)).toEqual(expected);
    expect(records.map((r) => Number(headerOf(r, "apispool-seq")))).toEqual(expected.map((i) => i + 1));
  }

  it("with every fifth answer of Kafka to a write lost", async () => {
    const faults = new Faults();
    const ingestor = await harness.ready({ url: api.url, intervalMs: 10 }, { socketFactory: faults.factory });
    await ingestor.control.start({});
    faults.loss = 0.2;
    await eventually(async () => expect(faults.swallowed).toBeGreaterThan(40), 40_000);
    faults.loss = 0;
    await expectExactlyOnce(ingestor);
  });

  it("with answers of Kafka lost while pages are read ahead", async () => {
    const paged = new PagedApi(150, 4);
    api.answer(paged.answer);
    const faults = new Faults();
    const pagination = { type: "link_header", maxPages: 1000, stopWhen: undefined } as const;
    const retry = { maxAttempts: 1, initialMs: 1, maxMs: 10, openAfter: 1000 };
    const source = { url: api.url, pagination, retry, dedupWindow: 5, topic: twoPartitions };
    const ingestor = await harness.ready(source, { socketFactory: faults.factory });
    await ingestor.control.start({});
    faults.loss = 0.3;
    await eventually(async () => {
      expect((await statusOf(ingestor))?.recordsTotal).toBeGreaterThan(300n);
    }, 40_000);
    faults.loss = 0;
    // A page was asked for again: what was read ahead had been dropped.
    expect(new Set(paged.asked).size).toBeLessThan(paged.asked.length);
    await eventually(async () => {
      expect(await statusOf(ingestor)).toMatchObject({ recordsTotal: 600n, consecutiveFailures: 0 });
    });
    const { polls = 0n } = (await statusOf(ingestor)) ?? {};
    await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(polls + 2n));
    await ingestor.stop();
    const topic = harness.names.records("things");
    const partitions = await Promise.all([0, 1].map(async (partition) => harness.read(topic, partition)));
    const ids = (records: (typeof partitions)[number]) =>
      records.map(({ value }) => (JSON.parse(String(value)) as { id: number }).id);
    for (const records of partitions) expect(ids(records)).toEqual(ids(records).toSorted((a, b) => a - b));
    expect(ids(partitions.flat()).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, id) => id));
    // By its timestamp a page can be told from the others that it shared a transaction with.
    const pages = new Map<number, Set<number>>();
    for (const { timestampMs, value } of partitions.flat()) {
      const { id } = JSON.parse(String(value)) as { id: number };
      pages.set(timestampMs, (pages.get(timestampMs) ?? new Set()).add(Math.floor(id / 4)));
    }
    expect([...pages.values()].map(({ size }) => size)).toEqual(Array.from({ length: 150 }, () => 1));
  });

  it("with Kafka gone for a while: not serving, then itself again", async () => {
    const faults = new Faults();
    const ingestor = await harness.ready({ url: api.url }, { socketFactory: faults.factory });
    await ingestor.control.start({});
    await eventually(async () => expect(shown).toBeGreaterThan(50));
    faults.down = true;
    faults.cut();
    await eventually(async () => {
      expect(await ingestor.health.check({})).toMatchObject({ status: Status.NOT_SERVING });
      expect(await statusOf(ingestor)).toMatchObject({ lastError: expect.stringContaining("cannot be reached") });
    });
    const refused = await ingestor.control.stop({}).catch((error: unknown) => error as ConnectError);
    expect(refused).toMatchObject({ code: Code.Unavailable });
    expect(await statusOf(ingestor)).toMatchObject({ desiredState: DesiredState.STARTED });
    faults.down = false;
    await eventually(async () => {
      expect(await ingestor.health.check({})).toMatchObject({ status: Status.SERVING });
    });
    await expectExactlyOnce(ingestor);
  });

  it("with a second ingestor of the same source: it waits, and takes over when the first is gone", async () => {
    const first = await harness.ready({ url: api.url });
    await first.control.start({});
    await eventually(async () => expect(shown).toBeGreaterThan(50));
    const second = await harness.ready({ url: api.url });
    const owner = (await statusOf(first))?.owner;
    expect(owner).not.toBe("");
    await eventually(async () => {
      expect(await statusOf(second)).toMatchObject({ owner, desiredState: DesiredState.STARTED });
    });
    // Either of them stops it and starts it again.
    expect((await second.control.stop({})).sources).toMatchObject([{ changed: true }]);
    const requests = api.requests.length;
    expect(await statusOf(first)).toMatchObject({ actualState: ActualState.STOPPED });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(api.requests.length).toBe(requests);
    await second.control.start({});
    await eventually(async () => expect(api.requests.length).toBeGreaterThan(requests));
    await first.stop();
    await eventually(async () => {
      const status = await statusOf(second);
      expect(status?.polls).toBeGreaterThan(0n);
      expect(status?.owner).not.toBe(owner);
    });
    await expectExactlyOnce(second);
  });

  it("with ingestors that end at any moment", async () => {
    for (let i = 0; i < 4; i += 1) {
      const ingestor = await harness.ready({ url: api.url, intervalMs: 10, autostart: true });
      const before = shown;
      await eventually(async () => expect(shown).toBeGreaterThan(before + 20));
      await ingestor.stop();
    }
    const last = await harness.ready({ url: api.url, autostart: true });
    await expectExactlyOnce(last);
  });

  it("with a page of more records than one transaction takes", async () => {
    const many = Array.from({ length: 12_345 }, (_, id) => ({ id }));
    api.answer((_request, response) => response.end(JSON.stringify(many)));
    const ingestor = await harness.ready({ url: api.url, dedupWindow: 100 });
    await ingestor.control.start({});
    await eventually(async () => expect(await statusOf(ingestor)).toMatchObject({ recordsTotal: 12_345n }));
    many.push({ id: 12_345 });
    await eventually(async () => expect(await statusOf(ingestor)).toMatchObject({ recordsTotal: 12_346n }));
    const values = await harness.values();
    expect(values.map((value) => (JSON.parse(value) as { id: number }).id)).toEqual(many.map(({ id }) => id));
  });
});
