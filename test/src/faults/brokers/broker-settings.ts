import { type ExtraListener, serverProperties } from "@apispool/launcher/kafka-settings.js";

/** One of several brokers that are controllers, too, so that any of them may die. */
export interface NodeSettings {
  /** From 1. */
  readonly id: number;
  readonly brokerPort: number;
  /** Of all nodes, in the order of their ids. */
  readonly controllerPorts: readonly number[];
  readonly listeners: readonly ExtraListener[];
}

/** Its server.properties. With three nodes all is kept threefold, and written once two have it. */
export function nodeProperties({ id, brokerPort, controllerPorts, listeners }: NodeSettings): string {
  const copies = Math.min(3, controllerPorts.length);
  const enough = Math.max(1, copies - 1);
  const own: Readonly<Record<string, string | number>> = {
    "node.id": id,
    "controller.quorum.voters": controllerPorts.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(","),
    "default.replication.factor": copies,
    "min.insync.replicas": enough,
    "offsets.topic.replication.factor": copies,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": enough,
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": enough,
  };
  const usual = serverProperties({ broker: brokerPort, controller: controllerPorts[id - 1] ?? 0 }, listeners)
    .split("\n")
    .filter((line) => line !== "" && own[line.slice(0, line.indexOf("="))] === undefined);
  return [...usual, ...Object.entries(own).map(([name, value]) => `${name}=${value}`), ""].join("\n");
}
