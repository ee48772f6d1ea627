import type { Socket } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { Code } from "@connectrpc/connect";
import { silentLogger } from "@apispool/common/logger.js";
import { ClusterHandle } from "./cluster-handle.js";
import type { Cluster } from "./kafkajs-internals.js";
import { kafkaConfig } from "./settings.js";
import { readingSockets } from "./sockets.js";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const settings = { brokers, clientId: "handle-test", topicPrefix: "unused", log: silentLogger };

const groups = async (cluster: Cluster): Promise<unknown> => {
  const [nodeId = ""] = cluster.getNodeIds();
  return await (await cluster.findBroker({ nodeId })).listGroups();
};

async function refreshed(cluster: Cluster): Promise<unknown> {
  await cluster.connect();
  return await groups(cluster);
}

describe("the connections of a handle", () => {
  const made: Socket[] = [];
  const newHandle = (): ClusterHandle => {
    made.length = 0;
    const config = kafkaConfig({
      ...settings,
      socketFactory: (options) => {
        const socket = readingSockets(options);
        made.push(socket);
        return socket;
      },
    });
    return new ClusterHandle(config, brokers, 1000);
  };
  const left = (): number => made.filter((socket) => !socket.destroyed).length;

  it("all end with it, also what work has made of which nobody waits for the end", async () => {
    const handle = newHandle();
    await handle.attempt(groups);
    expect(left()).toBeGreaterThan(0);
    const gone = new AbortController();
    let attempt: Promise<unknown> | undefined;
    let goOn = (): void => {};
    const late = await new Promise<{ readonly work: Promise<unknown> }>((begun) => {
      attempt = handle.attempt(async (cluster) => {
        const work = new Promise<void>((resolve) => (goOn = resolve)).then(() => refreshed(cluster));
        begun({ work: work.catch((error: unknown) => error) });
        return await work;
      }, gone.signal);
    });
    gone.abort(new Error("nobody waits"));
    await expect(attempt).rejects.toThrow("nobody waits");
    await handle.close();
    const before = made.length;
    goOn();
    expect(await late.work).toBeInstanceOf(Error);
    // It did connect anew.
    expect(made.length).toBeGreaterThan(before);
    expect(left()).toBe(0);
  });

  it("are not made anew after its end", async () => {
    const handle = newHandle();
    await handle.attempt(groups);
    await handle.close();
    const before = made.length;
    await expect(handle.attempt(groups)).rejects.toMatchObject({ code: Code.Unavailable });
    expect([left(), made.length]).toEqual([0, before]);
  });
});
