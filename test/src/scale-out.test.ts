import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { describeError } from "@apispool/common/errors.js";
import { createLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { startGateway } from "@apispool/gateway/gateway.js";
import { defaultLimits } from "@apispool/gateway/limits/settings.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

const READERS = ["reader", "reader-2", "reader-3"] as const;

/** A client of one reader's name, which reads until it is told to stop, and remembers what it has received in whole. */
class Loop {
  readonly name: string;
  readonly received: string[] = [];
  /** Answers that were no success, by what they said. */
  readonly refusals: string[] = [];
  /** The longest that it had to wait from one success to the next, in milliseconds. */
  longestMs = 0;
  readonly #read: () => Promise<readonly string[]>;
  readonly #close: () => void;

  constructor(name: string, read: () => Promise<readonly string[]>, close: () => void = () => undefined) {
    this.name = name;
    this.#read = read;
    this.#close = close;
  }

  async until(done: () => boolean): Promise<void> {
    let last = performance.now();
    while (!done()) {
      try {
        this.received.push(...(await this.#read()));
        this.longestMs = Math.max(this.longestMs, performance.now() - last);
        last = performance.now();
      } catch (error) {
        this.refusals.push(describeError(error));
      }
      await sleep(20);
    }
    this.#close();
  }
}

function httpLoop(url: string, name: string): Loop {
  return new Loop(name, async () =>
    (await getData(url, `reader=${name}&limit=100`)).records.map(({ data }) => `${data.id}/${data.version}`),
  );
}

function grpcLoop(url: string, name: string): Loop {
  const sessionManager = new Http2SessionManager(url);
  const client = createClient(DataReader, createGrpcTransport({ baseUrl: url, sessionManager }));
  return new Loop(
    name,
    async () => {
      const found: string[] = [];
      try {
        for await (const { records } of client.fetchUnread({ reader: name, limit: 100n })) {
          for (const { payload } of records) {
            const { id, version } = JSON.parse(String(payload.value)) as { id: string; version: number };
            found.push(`${id}/${version}`);
          }
        }
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        throw new Error(`${Code[code]}: ${rawMessage}`, { cause: error });
      }
      return found;
    },
    () => sessionManager.abort(),
  );
}

describe("three reader processes", () => {
  let upstream: Upstream;
  let stack: TestStack;
  const gateways: RunningServer[] = [];

  /** A gateway of its own beside the stack's, which knows the readers that it is told. */
  const gateway = async (addresses: readonly string[]): Promise<string> => {
    const started = await startGateway(
      {
        host: "127.0.0.1",
        port: 0,
        ingestorAddress: stack.ingestorAddress,
        readers: addresses.map((address) => ({ kind: "address", address })),
        deliveryTimeoutMs: 30_000,
        deliveryIdleMs: 100,
        idleTimeoutMs: 65_000,
        headersTimeoutMs: 10_000,
        heartbeatMs: 15_000,
        tls: undefined,
        maxBodyBytes: 1024 * 1024,
        maxConnections: 1000,
        limits: defaultLimits,
      },
      createLogger({ name: "gateway", level: "silent", format: "json", colour: false }),
    );
    gateways.push(started);
    const url = `http://127.0.0.1:${started.port}`;
    await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
    return url;
  };

  const truth = (): string[] => upstream.history.map(({ id, version }) => `${id}/${version}`);

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(300);
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items", readers: 3 });
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=probe&ack=manual")).records).toHaveLength(300);
    });
  }, 120_000);

  afterAll(async () => {
    for (const started of gateways) await started.stop();
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 120_000);

  it("outlive kill -9 and SIGSTOP of each other: nothing lost, nothing again, nothing out of order, nothing refused for good", async () => {
    const loops = Array.from({ length: 8 }, (_, i) =>
      (i % 2 === 0 ? httpLoop : grpcLoop)(stack.gatewayUrl, `loop-${i}`),
    );
    let over = false;
    const reading = loops.map((loop) => loop.until(() => over && loop.received.length >= upstream.history.length));
    upstream.grow(3, 50);
    const receivedByAll = async (): Promise<void> => {
      const least = upstream.history.length;
      await eventually(
        () => expect(Math.min(...loops.map(({ received }) => received.length))).toBeGreaterThan(least - 1),
        120_000,
      );
    };
    try {
      await receivedByAll();
      await stack.kill("reader-2");
      await receivedByAll();
      // Frozen: its connections stay open, and what it was asked lies there until it goes on.
      const frozen = stack.process("reader-3");
      frozen.kill("SIGSTOP");
      try {
        // Everybody goes on, those whom it served as well.
        await receivedByAll();
      } finally {
        frozen.kill("SIGCONT");
      }
      await receivedByAll();
      await stack.kill("reader");
      await receivedByAll();
      await stack.ready();
    } finally {
      upstream.stopGrowing();
      over = true;
    }
    await Promise.all(reading);
    for (const loop of loops) {
      // A client that was told that its answer is whole is never given it again.
      expect(loop.received).toEqual(truth());
      for (const refusal of loop.refusals) {
        // Or it had begun when its process died, and was broken off so that the client sees it.
        expect(refusal).toMatch(/answered (503|409)|^Unavailable|^Aborted|other side closed|terminated|ECONNRESET/);
      }
      expect(loop.longestMs).toBeLessThan(60_000);
    }
    console.log(
      `${loops.length} readers, ${truth().length} records each; longest wait ${Math.round(Math.max(...loops.map(({ longestMs }) => longestMs)))} ms; ` +
        `${loops.reduce((sum, { refusals }) => sum + refusals.length, 0)} answers said "again": ` +
        [...new Set(loops.flatMap(({ refusals }) => refusals))].join(" | "),
    );
  }, 480_000);

  it("serve a reader one at a time, although two gateways send it to different ones", async () => {
    const [first = "", second = "", third = ""] = stack.readerAddresses;
    // Their views differ for good, which is worse than it ever should be.
    const urls = [await gateway([first]), await gateway([second, third])];
    const total = upstream.history.length;
    const received: string[] = [];
    const refusals: string[] = [];
    await Promise.all(
      urls.map(async (url) => {
        while (received.length < total) {
          try {
            const { records } = await getData(url, "reader=shared&limit=150");
            received.push(...records.map(({ data }) => `${data.id}/${data.version}`));
          } catch (error) {
            refusals.push(error instanceof Error ? error.message : String(error));
          }
        }
      }),
    );
    expect(received.toSorted()).toEqual(truth().toSorted());
    for (const refusal of refusals) expect(refusal).toMatch(/answered (503|409)/);
  }, 120_000);

  it("serve as before with a gateway that is new, and with one that knows another process", async () => {
    const fresh = await gateway(stack.readerAddresses);
    const alone = await gateway([stack.readerAddresses[2] ?? ""]);
    const total = upstream.history.length;
    expect((await getData(stack.gatewayUrl, "reader=moves&limit=10")).records).toHaveLength(10);
    expect((await getData(fresh, "reader=moves&limit=10")).records).toHaveLength(10);
    expect((await getData(alone, "reader=moves&limit=10")).records).toHaveLength(10);
    const rest = await getData(stack.gatewayUrl, "reader=moves");
    expect(rest.records.map(({ data }) => `${data.id}/${data.version}`)).toEqual(truth().slice(30));
    expect((await getData(alone, "reader=moves")).records).toEqual([]);
    expect(total).toBe(upstream.history.length);
    expect(READERS.map((name) => stack.process(name).state)).toEqual(["running", "running", "running"]);
  }, 120_000);
});
