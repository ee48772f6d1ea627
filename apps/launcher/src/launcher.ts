import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { banner } from "./banner.js";
import { FolderInUseError } from "./broker-registry.js";
import { dockerIsThere, runInDocker } from "./docker-stack.js";
import { KafkaUnavailableError } from "./kafka-libs.js";
import { launcherName, terminalOutput } from "./output.js";
import { PortTakenError } from "./ports.js";
import { NotReadyError } from "./ready.js";
import type { Variables } from "./services.js";
import { sourceFromEnv } from "./source.js";
import { type StackOptions, startStack } from "./stack.js";
import { Supervisor } from "./supervisor.js";

const root = resolve(import.meta.dirname, "../../..");

/** Several signals within this time (milliseconds) are one Ctrl-C: npm and the start script pass it on, too. */
const sameCtrlCMs = 700;

/** What a person did, or has, wrong: told in plain words, without a stack trace. */
const expected = [ConfigError, FolderInUseError, KafkaUnavailableError, NotReadyError, PortTakenError];

/** Runs until it is told to stop; gives the exit code. */
export async function runLauncher(self: NodeJS.Process): Promise<number> {
  const startedAt = performance.now();
  const { stdout, env } = self;
  const colour = wantsColour(env, stdout.isTTY);
  const json = (env["LOG_FORMAT"] ?? (env["NODE_ENV"] === "production" ? "json" : "pretty")) === "json";
  const output = terminalOutput(stdout, { colour, format: json ? "json" : "pretty" });
  const supervisor = new Supervisor(output);
  const say = (text: string): void => output(launcherName, text);
  const stop = stopSignal(self, supervisor, say);
  const childEnv = { ...env, ...(colour ? { FORCE_COLOR: "1" } : {}) };
  try {
    const options = optionsFromEnv(new EnvReader(env), childEnv, supervisor, stop);
    const started = await startStack(options).catch(async (error: unknown) => {
      if (error instanceof KafkaUnavailableError && !stop.aborted && (await dockerIsThere(stop))) return error;
      throw error;
    });
    if (started instanceof KafkaUnavailableError) {
      say(`no local Kafka (${started.message}), but Docker: everything runs in containers`);
      await runInDocker(root, childEnv, stop, () => say(`ready at http://localhost:${env["PORT"] ?? "3000"}`));
      return 0;
    }
    if (!json) {
      const bold = (text: string): string => (colour ? `\u001B[1m${text}\u001B[0m` : text);
      const grpcurl = await onPath("grpcurl", env);
      stdout.write(`${banner(started, { grpcurl, tookMs: performance.now() - startedAt, bold })}\n`);
    } else say(`ready at ${started.gatewayUrl}`);
    if (!stop.aborted) await new Promise<void>((done) => stop.addEventListener("abort", () => done(), { once: true }));
    await supervisor.stop();
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

function optionsFromEnv(reader: EnvReader, env: Variables, supervisor: Supervisor, signal: AbortSignal): StackOptions {
  const home = join(resolve(reader.string("APISPOOL_DIR", join(root, ".apispool"))), "kafka");
  const brokers = reader.addresses("KAFKA_BROKERS", []).join(",");
  const options: StackOptions = {
    root,
    supervisor,
    signal,
    env,
    host: reader.string("HOST"),
    ports: {
      gateway: reader.port("PORT", 3000),
      ingestor: reader.port("INGESTOR_PORT", 50_051),
      reader: reader.port("READER_PORT", 50_052),
      demo: reader.port("DEMO_PORT", 8099),
    },
    kafka: brokers === "" ? { home, dir: home, port: reader.port("KAFKA_PORT", 9092) } : { brokers },
    source: sourceFromEnv(env),
  };
  reader.done();
  return options;
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

function wantsColour(env: Variables, isTTY: boolean): boolean {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  return isTTY || (env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0");
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
