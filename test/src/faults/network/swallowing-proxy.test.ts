import { randomBytes } from "node:crypto";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { SwallowingProxy } from "./swallowing-proxy.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
/** kafkajs insists on one more try where it numbers what it sends. */
const quick = { initialRetryTime: 5, maxRetryTime: 100, retries: 1 };
/** For what has to come to be first: Kafka's topic of transactions. */
const patient = { ...quick, retries: 50 };

describe("the proxy that swallows replies", () => {
  const topic = `swallow-${randomBytes(4).toString("hex")}`;
  let proxy: SwallowingProxy;
  let admin: Admin;
  let through: Kafka;

  beforeAll(async () => {
    proxy = await SwallowingProxy.start(brokers[0] ?? "");
    admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    const [host = "", port] = proxy.address.split(":");
    through = new Kafka({
      brokers,
      logLevel: logLevel.NOTHING,
      retry: patient,
      // The broker tells of itself under its own address; all connections are to go this way.
      socketFactory: ({ onConnect }) => net.connect(Number(port), host, onConnect),
    });
  });

  afterAll(async () => {
    await admin.disconnect();
    await proxy[Symbol.asyncDispose]();
  });

  const high = async (): Promise<number> => Number((await admin.fetchTopicOffsets(topic))[0]?.high);

  const withProducer = async (action: (send: (value: string) => Promise<unknown>) => Promise<void>): Promise<void> => {
    const producer = through.producer({ idempotent: true, retry: quick });
    await producer.connect();
    try {
      await action(async (value) => producer.send({ topic, messages: [{ value, partition: 0 }] }));
    } finally {
      await producer.disconnect();
    }
  };

  it("keeps a reply to itself: the broker has written, and the client waits", async () => {
    const before = await high();
    const outcomes: string[] = [];
    await withProducer(async (send) => {
      await send("arrives");
      const swallowed = proxy.swallowNext("Produce", "keep");
      const sent = send("arrives, and is not answered").then(
        () => outcomes.push("answered"),
        () => outcomes.push("failed"),
      );
      await swallowed;
      expect(await high()).toBe(before + 2);
      expect(outcomes).toEqual([]);
      // Asked again on another connection, the broker says that it has it.
      proxy.hangUp();
      await sent;
      expect([await high(), outcomes]).toEqual([before + 2, ["answered"]]);
    });
  });

  it("closes the connection in a reply's place; what kafkajs sends next it holds for written, and it is lost", async () => {
    const before = await high();
    await withProducer(async (send) => {
      await send("arrives");
      const end = proxy.swallow({ apis: ["Produce"], connection: "close", decide: () => true });
      await expect(send("arrives, and is not answered")).rejects.toThrow();
      end();
      expect(await high()).toBe(before + 2);
      // What makes the proxy worth having: the broker takes this for a repeat.
      await send("is lost");
      expect(await high()).toBe(before + 2);
    });
  });

  it("swallows a share of one kind and lets all others pass", async () => {
    const before = { ...proxy.swallowed };
    const asked: string[] = [];
    const end = proxy.swallow({
      apis: ["EndTxn"],
      connection: "close",
      decide: (api) => asked.push(api) % 2 === 0,
    });
    const producer = through.producer({
      transactionalId: topic,
      maxInFlightRequests: 1,
      idempotent: true,
      retry: patient,
    });
    await producer.connect();
    const outcomes: string[] = [];
    for (let i = 0; i < 2; i += 1) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: `${i}`, partition: 0 }] });
      outcomes.push(
        await transaction.commit().then(
          () => "committed",
          () => "failed",
        ),
      );
    }
    end();
    await producer.disconnect();
    expect([outcomes, asked]).toEqual([
      ["committed", "failed"],
      ["EndTxn", "EndTxn"],
    ]);
    expect(proxy.swallowed).toEqual({ ...before, EndTxn: 1 });
  });
});
