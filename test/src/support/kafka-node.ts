import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrokerRegistry, brokerMark } from "@apispool/launcher/broker-registry.js";
import { runCommand } from "@apispool/launcher/command.js";
import { log4jProperties } from "@apispool/launcher/kafka-settings.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import type { Supervisor } from "@apispool/launcher/supervisor.js";

export interface KafkaNodeOptions {
  readonly supervisor: Supervisor;
  readonly registry: BrokerRegistry;
  /** This process's command line, by which the registry knows it again. */
  readonly owner: string;
  /** The command that runs Java. */
  readonly java: string;
  /** The folder of Kafka's jars. */
  readonly libs: string;
  readonly name: string;
  readonly folder: string;
  readonly clusterId: string;
  /** What is in server.properties. */
  readonly properties: string;
  /** Java's option for the largest heap. */
  readonly heap: string;
}

/** Formats the storage of one of several brokers, and starts it. */
export async function startKafkaNode(options: KafkaNodeOptions): Promise<SupervisedProcess> {
  const { supervisor, registry, owner, java, libs, name, folder, clusterId, properties, heap } = options;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "server.properties"), properties);
  await writeFile(join(folder, "log4j2.properties"), log4jProperties);
  const jvm = (most: string, ...args: string[]): string[] => [
    most,
    "-Djava.awt.headless=true",
    "-Dlog4j2.configurationFile=log4j2.properties",
    brokerMark(folder),
    "-cp",
    join(libs, "*"),
    ...args,
  ];
  const format = ["kafka.tools.StorageTool", "format", "--cluster-id", clusterId, "--config", "server.properties"];
  const { code, text } = await runCommand(java, jvm("-Xmx256m", ...format), { cwd: folder });
  if (code !== 0) throw new Error(`a broker's storage could not be formatted:\n${text}`);
  return supervisor.start({
    name,
    command: java,
    args: jvm(heap, "kafka.Kafka", "server.properties"),
    env: process.env,
    cwd: folder,
    ipc: false,
    logFile: join(folder, "kafka.log"),
    stopTimeoutMs: 6000,
    onSpawn: (pid) => registry.note(folder, pid, owner),
  });
}
