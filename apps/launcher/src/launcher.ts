import { once } from "node:events";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { type Ready, banner } from "./banner.js";
import { FolderInUseError } from "./broker-registry.js";
import { launcherConfigFromEnv } from "./config.js";
import { dockerIsThere, runInDocker } from "./docker-stack.js";
import { KafkaUnavailableError } from "./kafka-libs.js";
import { launcherName, terminalOutput } from "./output.js";
import { PortTakenError } from "./ports.js";
import { NotReadyError } from "./ready.js";
import type { Variables } from "./services.js";
import { sourceFromEnv } from "./source.js";
import { type Stack, type StackOptions, startStack } from "./stack.js";
import { Supervisor } from "./supervisor.js";

/** Several signals within this time (milliseconds) are one Ctrl-C: npm and the start script pass it on, too. */
const sameCtrlCMs = 700;

/** What a person did, or has, wrong: told in plain words, without a stack trace. */
const expected = [ConfigError, FolderInUseError, KafkaUnavailableError, NotReadyError, PortTakenError];

/** Runs until it is told to stop; gives the exit code. */
export async function runLauncher(self: NodeJS.Process, root: string): Promise<number> {
  const startedAt = performance.now();
  const { stdout, env } = self;
  const reader = new EnvReader(env);
  const config = launcherConfigFromEnv(reader, root);
  const colour = config.colour ?? stdout.isTTY;
  const output = terminalOutput(stdout, { colour, format: config.format });
  const supervisor = new Supervisor(output);
  const say = (text: string): void => output(launcherName, text);
  const stop = stopSignal(self, supervisor, say);
  const childEnv = { ...env, ...(colour ? { FORCE_COLOR: "1" } : {}) };
  const source = sourceFromEnv(env, root);
  const sayReady = async (ready: Ready): Promise<void> => {
    if (config.format === "json") {
      say(`ready at ${ready.gatewayUrl}`);
      return;
    }
    const bold = (text: string): string => (colour ? `\u001B[1m${text}\u001B[0m` : text);
    const grpcurl = await onPath("grpcurl", env);
    stdout.write(`${banner(ready, { grpcurl, tookMs: performance.now() - startedAt, bold })}\n`);
  };
  try {
    reader.done();
    const options: StackOptions = { ...config, root, supervisor, source, env: childEnv, signal: stop };
    const started = await startStack(options).catch(async (error: unknown) => {
      if (error instanceof KafkaUnavailableError && !stop.aborted && (await dockerIsThere(stop))) return error;
      throw error;
    });
    if (started instanceof KafkaUnavailableError) {
      say(`no local Kafka (${started.message}), but Docker: everything runs in containers`);
      const { readers, ports } = config;
      await runInDocker({ root, env: childEnv, source, readers, port: ports.gateway, signal: stop, onReady: sayReady });
    } else {
      await sayReady(readyStack(started));
      if (!stop.aborted) await once(stop, "abort");
      await supervisor.stop();
    }
    say("stopped");
    return 0;
  } catch (error) {
    await supervisor.stop();
    if (stop.aborted) {
      say("stopped");
      return 0;
    }
    say(explain(error));
    return error instanceof ConfigError ? 2 : 1;
  }
}

function readyStack({
  gatewayUrl,
  ingestorAddress,
  readerAddresses,
  storeAddress,
  kafkaBrokers,
  localKafka,
  source,
}: Stack): Ready {
  const kafka =
    localKafka === undefined
      ? `${kafkaBrokers} (yours: KAFKA_BROKERS)`
      : `${kafkaBrokers} (local; data in ${localKafka.dataDir}, log in ${localKafka.logFile})`;
  return {
    gatewayUrl,
    kafka,
    source,
    services: { ingestor: ingestorAddress, reader: readerAddresses.join(", "), store: storeAddress },
  };
}

/**
 * Fires on SIGINT, SIGTERM, SIGHUP and when whoever started this is gone. A second Ctrl-C kills everything at once, and
 * so does every other way out of this process.
 */
function stopSignal(self: NodeJS.Process, supervisor: Supervisor, say: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const stop = (why: string, again: boolean): void => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      say(`stopping (${why}); once more kills everything at once`);
      controller.abort(new Error("told to stop"));
    } else if (again && performance.now() - firstAt > sameCtrlCMs) {
      say("killing everything");
      self.exit(130);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) self.on(signal, () => stop(signal, true));
  self.on("disconnect", () => stop("whoever started this is gone", false));
  // The terminal, or the reader of a pipe, went away.
  self.stdout.on("error", () => stop("nobody reads the output", false));
  self.on("exit", () => supervisor.killNow());
  return controller.signal;
}

function explain(error: unknown): string {
  if (error instanceof KafkaUnavailableError) {
    return [
      `cannot start a local Kafka: ${error.message}`,
      "  Any one of these will do:",
      "  - Java 17 or newer, with Maven for the first start (Debian, Ubuntu: apt install openjdk-17-jre-headless maven;",
      "    macOS: brew install openjdk maven), and a way to Maven Central",
      "  - a Docker engine with the compose plugin, running",
      "  - a Kafka of your own: KAFKA_BROKERS=host:9092 npm start",
    ].join("\n");
  }
  if (expected.some((type) => error instanceof type)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function onPath(program: string, env: Variables): Promise<boolean> {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
