import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Kafka, logLevel } from "kafkajs";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { isServing } from "@apispool/launcher/health.js";
import { freePort } from "@apispool/common/free-port.js";
import { untilReady } from "@apispool/launcher/ready.js";
import { serviceSpec } from "@apispool/launcher/services.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { Following } from "@apispool/reader/testing/following.js";
import { jsonOf } from "@apispool/reader/testing/harness.js";
import { root } from "./harness/paths.js";
import { withoutSettings } from "./harness/stack.js";
import { type KafkaCluster, startKafkaCluster } from "./support/kafka-cluster.js";
import { Trickle } from "./support/trickle.js";
import { eventually } from "./support/wait.js";

/** Three brokers take a machine half a minute; APISPOOL_TEST_CLUSTER=1 npm test integration -- leader-change */
const wanted = process.env["APISPOOL_TEST_CLUSTER"] === "1";

(wanted ? describe : describe.skip)("live tails while partitions change their leaders", () => {
  const topic = "apispool.records.led";
  const supervisor = new Supervisor(() => {}, { initialMs: 100, maxMs: 1000, resetAfterMs: 2000 });
  let dir: string;
  let cluster: KafkaCluster;
  let kafka: Kafka;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "apispool-cluster-"));
    cluster = await startKafkaCluster(supervisor, dir);
    kafka = new Kafka({ brokers: [...cluster.brokers], clientId: "test", logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const replicaAssignment = [{ partition: 0, replicas: [2, 3, 1] }];
    await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: true });
    await admin.disconnect();
  }, 240_000);

  afterAll(async () => {
    await supervisor.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  async function leader(): Promise<number | undefined> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions[0]?.leader;
    } finally {
      await admin.disconnect();
    }
  }

  it("go on, and lose nothing and repeat nothing, whether a leader is killed or stopped", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const env = { ...withoutSettings(process.env), KAFKA_BROKERS: cluster.brokers.join(","), READER_ADDRESS: address };
    const reader = supervisor.start(serviceSpec("reader", root, { ...env, FOLLOW_OUTAGE: "60s" }));
    await untilReady(reader, () => isServing(address), { timeoutMs: 60_000 });
    const trickle = await Trickle.start(cluster.brokers, topic);
    const sessionManager = new Http2SessionManager(`http://${address}`);
    const client = createClient(DataReader, createGrpcTransport({ baseUrl: `http://${address}`, sessionManager }));
    // Where nobody has read yet, Kafka makes the topic of positions first, threefold.
    await eventually(async () => {
      for await (const _ of client.fetchUnread({ reader: "first" }));
    }, 120_000);
    const all = Array.from({ length: 10 }, (_, i) => new Following(client, { reader: `tail-${i}` }));
    try {
      await Promise.all(all.map(async (following) => following.untilCount(20)));
      expect(await leader()).toBe(2);
      for (const [signal, victim] of [
        ["SIGKILL", 2],
        ["SIGTERM", 3],
      ] as const) {
        await eventually(async () => expect(await leader()).toBe(victim), 60_000);
        cluster.node(victim).kill(signal);
        await eventually(async () => expect(await leader()).not.toBe(victim), 60_000);
        const before = trickle.written;
        await eventually(() => expect(trickle.written).toBeGreaterThan(before + 20), 60_000);
        await Promise.all(all.map(async (following) => following.untilCount(before + 20)));
        await cluster.ready(victim);
      }
      const written = await trickle.pause();
      await Promise.all(all.map(async (following) => following.untilCount(written)));
      const truth: string[] = [];
      for await (const { records } of client.fetchUnread({ reader: "after" })) truth.push(...records.map(jsonOf));
      for (const { records, gaps, over } of all) {
        expect([over, gaps]).toEqual([false, []]);
        expect(records.map(jsonOf)).toEqual(truth);
      }
    } finally {
      await Promise.all(all.map(async (following) => following.stop()));
      await trickle.stop();
      sessionManager.abort();
    }
  }, 400_000);
});
