import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { BrokerRegistry } from "@apispool/launcher/broker-registry.js";
import { findJava } from "@apispool/launcher/java.js";
import { ensureKafkaLibs } from "@apispool/launcher/kafka-libs.js";
import { kafkaAnswers } from "@apispool/launcher/kafka-probe.js";
import { serverProperties } from "@apispool/launcher/kafka-settings.js";
import { freePort } from "@apispool/common/free-port.js";
import { commandLine } from "@apispool/launcher/process-table.js";
import { untilReady } from "@apispool/launcher/ready.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import type { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome } from "../harness/paths.js";
import { startKafkaNode } from "./kafka-node.js";

/** Several brokers; the first one is the controller, too, and had better be left alive. */
export interface KafkaCluster {
  /** host:port of each. */
  readonly brokers: readonly string[];
  /** Node ids begin with 1. */
  node(id: number): SupervisedProcess;
  /** Waits until a node answers. */
  ready(id: number): Promise<void>;
}

/** Three brokers that keep everything threefold, each in a folder below `dir`. */
export async function startKafkaCluster(supervisor: Supervisor, dir: string): Promise<KafkaCluster> {
  const java = await findJava(process.env);
  if ("problem" in java) throw new Error(java.problem);
  const libs = await ensureKafkaLibs({ home: kafkaHome, say: () => {} });
  const registry = new BrokerRegistry(join(kafkaHome, "running"));
  const owner = (await commandLine(process.pid)) ?? "";
  const ids = [1, 2, 3];
  const ports = await Promise.all(ids.map(async () => freePort()));
  const controller = await freePort();
  const id = randomBytes(16).toString("base64url").replace(/^-/, "A");
  const nodes = await Promise.all(
    ids.map((nodeId, i) =>
      startKafkaNode({
        supervisor,
        registry,
        owner,
        java: java.command,
        libs,
        name: `kafka-${nodeId}`,
        folder: join(dir, String(nodeId)),
        clusterId: id,
        properties: propertiesOf(nodeId, ports[i] ?? 0, controller),
        heap: "-Xmx384m",
      }),
    ),
  );
  const brokers = ports.map((port) => `127.0.0.1:${port}`);
  const node = (nodeId: number): SupervisedProcess => {
    const found = nodes[nodeId - 1];
    if (found === undefined) throw new Error(`there is no node ${nodeId}`);
    return found;
  };
  const ready = async (nodeId: number): Promise<void> =>
    untilReady(node(nodeId), () => kafkaAnswers(brokers[nodeId - 1] ?? ""), { timeoutMs: 120_000 });
  for (const nodeId of ids) await ready(nodeId);
  return { brokers, node, ready };
}

function propertiesOf(nodeId: number, broker: number, controller: number): string {
  const threefold = [
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
  ];
  const own: Record<string, string> = {
    "node.id": String(nodeId),
    ...Object.fromEntries(threefold.map((k) => [k, "3"])),
  };
  if (nodeId !== 1) {
    own["process.roles"] = "broker";
    own["listeners"] = `PLAINTEXT://127.0.0.1:${broker}`;
  }
  return serverProperties({ broker, controller })
    .split("\n")
    .map((line) => {
      const name = line.slice(0, line.indexOf("="));
      return own[name] === undefined ? line : `${name}=${own[name]}`;
    })
    .join("\n");
}
