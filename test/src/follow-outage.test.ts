import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { isServing } from "@apispool/launcher/health.js";
import { type LocalKafka, startLocalKafka } from "@apispool/launcher/local-kafka.js";
import { freePort } from "@apispool/common/free-port.js";
import { untilReady } from "@apispool/launcher/ready.js";
import { serviceSpec } from "@apispool/launcher/services.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { Following } from "@apispool/reader/testing/following.js";
import { jsonOf } from "@apispool/reader/testing/harness.js";
import { kafkaHome, root } from "./harness/paths.js";
import { withoutSettings } from "./harness/stack.js";
import { Trickle } from "./support/trickle.js";
import { eventually } from "./support/wait.js";

describe("a live tail and a Kafka that goes away", () => {
  const supervisor = new Supervisor(() => {}, { initialMs: 100, maxMs: 1000, resetAfterMs: 2000 });
  const sessions: Http2SessionManager[] = [];
  let dir: string;
  let kafka: LocalKafka;
  let trickle: Trickle;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "apispool-outage-"));
    const env = withoutSettings(process.env);
    kafka = await startLocalKafka({ home: kafkaHome, dir, port: 0, env, supervisor });
    trickle = await Trickle.start(kafka.brokers.split(","), "apispool.records.trickle");
  }, 120_000);

  afterAll(async () => {
    for (const session of sessions) session.abort();
    await trickle?.stop();
    await supervisor.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  /** A reader service; gives a maker of clients, each with a connection of its own. */
  async function startReader(outage: string) {
    const address = `127.0.0.1:${await freePort()}`;
    const env = { ...withoutSettings(process.env), KAFKA_BROKERS: kafka.brokers, READER_ADDRESS: address };
    const reader = supervisor.start(serviceSpec("reader", root, { ...env, FOLLOW_OUTAGE: outage }));
    await untilReady(reader, () => isServing(address), { timeoutMs: 60_000 });
    return () => {
      const baseUrl = `http://${address}`;
      const sessionManager = new Http2SessionManager(baseUrl);
      sessions.push(sessionManager);
      return createClient(DataReader, createGrpcTransport({ baseUrl, sessionManager }));
    };
  }

  it("outlasts a restart: nothing is lost, and nothing comes twice", async () => {
    const connect = await startReader("60s");
    const clients = [connect(), connect()];
    const all = Array.from(
      { length: 20 },
      (_, i) =>
        new Following(clients[i % 2] ?? connect(), {
          reader: `tail-${i}`,
          start: { at: { case: "earliest", value: {} } },
        }),
    );
    await Promise.all(all.map(async (following) => following.untilCount(20)));
    for (let round = 0; round < 2; round += 1) {
      const before = all[0]?.records.length ?? 0;
      await kafka.process.crash();
      await sleep(300);
      await kafka.ready();
      await Promise.all(all.map(async (following) => following.untilCount(before + 50)));
    }
    const written = await trickle.pause();
    for (const following of all) {
      await following.untilCount(written);
      expect(following.over).toBe(false);
    }
    const truth: string[] = [];
    for await (const { records } of connect().fetchUnread({ reader: "afterwards" })) truth.push(...records.map(jsonOf));
    for (const { records, gaps } of all) {
      expect(gaps).toEqual([]);
      expect(records.map(jsonOf)).toEqual(truth);
    }
    // What they have been given is acknowledged although Kafka was away when it came.
    await eventually(async () => {
      expect((await connect().getReader({ reader: "tail-0" })).reader?.positions).toMatchObject([
        { offset: BigInt(truth.length) },
      ]);
    });
    await Promise.all(all.map(async (following) => following.stop()));
    const again: string[] = [];
    for await (const { records } of connect().fetchUnread({ reader: "tail-0" })) again.push(...records.map(jsonOf));
    expect(again).toEqual([]);
    trickle.resume();
  }, 180_000);

  it("ends with UNAVAILABLE, and when to try again, where Kafka stays away for longer than is allowed", async () => {
    const connect = await startReader("1s");
    const following = new Following(connect(), { reader: "short" });
    await following.untilCount(10);
    kafka.process.kill("SIGSTOP");
    try {
      const error = ConnectError.from(await following.ended());
      expect([error.code, reasonOf(error)]).toEqual([Code.Unavailable, "KAFKA_UNAVAILABLE"]);
      expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
    } finally {
      kafka.process.kill("SIGCONT");
    }
    // Who was away for long may not be back at once: one tries again as long as one is told to.
    const next = await eventually(async () => {
      const again = new Following(connect(), { reader: "short" });
      await again.untilCount(1);
      return again;
    });
    // It goes on where the other one was acknowledged, which is not behind what that one was given.
    expect(Number(next.records[0]?.offset)).toBeLessThanOrEqual(Number(following.records.at(-1)?.offset) + 1);
    await next.stop();
  }, 120_000);
});
