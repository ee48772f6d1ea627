import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BrokerRegistry, brokerMark } from "./broker-registry.js";
import { runCommand } from "./command.js";
import { findJava } from "./java.js";
import { KafkaUnavailableError, ensureKafkaLibs } from "./kafka-libs.js";
import { kafkaAnswers } from "./kafka-probe.js";
import { type ExtraListener, log4jProperties, serverProperties } from "./kafka-settings.js";
import { freePort } from "@apispool/common/free-port.js";
import { preferPort } from "./ports.js";
import { commandLine } from "./process-table.js";
import { untilReady } from "./ready.js";
import type { SupervisedProcess } from "./supervised-process.js";
import type { Supervisor } from "./supervisor.js";

export interface LocalKafkaOptions {
  /** Where libraries and the list of running brokers are kept: `.apispool/kafka` of the checkout. */
  readonly home: string;
  /** This broker's folder: data, settings and log. The same as `home` in production, a temporary one in tests. */
  readonly dir: string;
  /** The preferred port; another is taken when it is not free. 0: any. */
  readonly port: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly supervisor: Supervisor;
  readonly signal?: AbortSignal | undefined;
  /** For tests: other ways in, and users of SCRAM as kafka-storage has them (`SCRAM-SHA-256=[name=…,password=…]`). */
  readonly extra?: { readonly listeners: readonly ExtraListener[]; readonly scram: readonly string[] };
}

export interface LocalKafka {
  /** host:port, as in KAFKA_BROKERS. */
  readonly brokers: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly process: SupervisedProcess;
  /** Waits until it answers, which after a kill takes a few seconds. */
  ready(): Promise<void>;
}

/**
 * Starts an Apache Kafka of one node in KRaft mode under the supervisor and waits until it answers. Needs Java 17+, and
 * Maven the first time. Throws {@link KafkaUnavailableError} where those are missing.
 */
export async function startLocalKafka(options: LocalKafkaOptions): Promise<LocalKafka> {
  const { home, env, supervisor, signal } = options;
  const dir = options.dir;
  const say = (text: string): void => supervisor.say(text);
  const java = await findJava(env, signal);
  if ("problem" in java) throw new KafkaUnavailableError(java.problem);
  const libs = await ensureKafkaLibs({ home, say, signal });
  const registry = new BrokerRegistry(join(home, "running"));
  await registry.stopOrphans(dir, say);

  await mkdir(dir, { recursive: true });
  const port = await preferPort(options.port, "Kafka", say);
  await writeFile(
    join(dir, "server.properties"),
    serverProperties({ broker: port, controller: await freePort() }, options.extra?.listeners),
  );
  await writeFile(join(dir, "log4j2.properties"), log4jProperties);
  const jvm = (heap: string, mainClass: string, ...args: string[]): string[] => [
    heap,
    "-Djava.awt.headless=true",
    "-Dlog4j2.configurationFile=log4j2.properties",
    brokerMark(dir),
    "-cp",
    join(libs, "*"),
    mainClass,
    ...args,
  ];
  const dataDir = join(dir, "data");
  if (!existsSync(join(dataDir, "meta.properties"))) {
    const format = ["format", "--cluster-id", clusterId(), "--config", "server.properties"];
    for (const user of options.extra?.scram ?? []) format.push("--add-scram", user);
    const { code, text } = await runCommand(java.command, jvm("-Xmx256m", "kafka.tools.StorageTool", ...format), {
      cwd: dir,
      ...(signal === undefined ? {} : { signal }),
    });
    if (code !== 0) throw new KafkaUnavailableError(`Kafka's storage in ${dataDir} could not be formatted:\n${text}`);
  }

  const logFile = join(dir, "kafka.log");
  await rotate(logFile);
  let logStart = 0;
  const owner = (await commandLine(process.pid)) ?? "";
  const running = supervisor.start({
    name: "kafka",
    command: java.command,
    args: jvm("-Xmx512m", "kafka.Kafka", "server.properties"),
    env,
    cwd: dir,
    ipc: false,
    logFile,
    stopTimeoutMs: 6000,
    onSpawn: (pid) => {
      registry.note(dir, pid, owner);
      logStart = sizeOf(logFile);
    },
    explain: () => lastError(logFile, logStart),
  });
  const brokers = `127.0.0.1:${port}`;
  const ready = (): Promise<void> =>
    untilReady(running, () => kafkaAnswers(brokers), { timeoutMs: 60_000, signal }).catch((error: unknown) => {
      if (error instanceof Error && error.name === "NotReadyError") error.message += `\nits log is ${logFile}`;
      throw error;
    });
  await ready();
  return { brokers, dataDir, logFile, process: running, ready };
}

/** A Kafka Uuid: 16 random bytes in URL-safe base64. One that begins with a dash would read as an option. */
function clusterId(): string {
  const id = randomBytes(16).toString("base64url");
  return id.startsWith("-") ? clusterId() : id;
}

/** Begins a new log when the old one has grown; the one before is kept. */
async function rotate(logFile: string): Promise<void> {
  if (sizeOf(logFile) > 5_000_000) await rename(logFile, `${logFile}.1`);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last error that a log has after a position, looked for in its last 16 kB. */
function lastError(logFile: string, after: number): string | undefined {
  const size = sizeOf(logFile);
  const from = Math.max(after, size - 16_384);
  if (size <= from) return undefined;
  const buffer = Buffer.alloc(size - from);
  const file = openSync(logFile, "r");
  try {
    readSync(file, buffer, 0, buffer.length, from);
  } finally {
    closeSync(file);
  }
  const lines = buffer.toString().split("\n");
  return lines.findLast((line) => / (ERROR|FATAL) |^Error|^Exception/.test(line))?.slice(0, 300);
}
