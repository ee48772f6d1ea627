import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isServing } from "@apispool/launcher/health.js";
import { startLocalKafka } from "@apispool/launcher/local-kafka.js";
import { fileOutput } from "@apispool/launcher/output.js";
import { freePort } from "@apispool/common/free-port.js";
import { untilReady } from "@apispool/launcher/ready.js";
import { type ServiceName, type Variables, serviceSpec } from "@apispool/launcher/services.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { type Usage, type Usages, usageOf } from "./usage.js";

/** The checkout. */
export const root = resolve(import.meta.dirname, "../..");

/** Kafka's libraries, shared with `npm start` and the tests. */
export const kafkaHome = join(root, ".apispool", "kafka");

/** What a run leaves behind; ignored by git. */
export const resultsDir = join(root, "bench", "results");

/** A Kafka of its own in a temporary folder, and the services as production starts them, on free ports. */
export class TestBed {
  readonly brokers: string;
  readonly env: Variables;
  readonly #supervisor: Supervisor;
  readonly #dir: string;
  readonly #closeLog: () => Promise<void>;
  readonly #profile: string | undefined;
  readonly #kafka: SupervisedProcess;
  readonly #services = new Map<ServiceName, SupervisedProcess>();

  private constructor(parts: {
    brokers: string;
    env: Variables;
    supervisor: Supervisor;
    dir: string;
    closeLog: () => Promise<void>;
    profile: string | undefined;
    kafka: SupervisedProcess;
  }) {
    this.brokers = parts.brokers;
    this.env = parts.env;
    this.#supervisor = parts.supervisor;
    this.#dir = parts.dir;
    this.#closeLog = parts.closeLog;
    this.#profile = parts.profile;
    this.#kafka = parts.kafka;
  }

  /**
   * What processes write goes to bench/results/services.log. `profile`: a folder for their CPU profiles. `kafkaPort` is taken if
   * it is free; 0: any.
   */
  static async start(self: NodeJS.Process, profile?: string, kafkaPort = 0): Promise<TestBed> {
    await mkdir(resultsDir, { recursive: true });
    const dir = await mkdtemp(join(tmpdir(), "apispool-bench-"));
    const log = fileOutput(join(resultsDir, "services.log"));
    const supervisor = new Supervisor(log.output);
    // Whatever ends this process: nothing that it started outlives it.
    self.on("exit", () => {
      supervisor.killNow();
      rmSync(dir, { recursive: true, force: true });
    });
    const env = withoutSettings(self.env);
    try {
      const kafka = await startLocalKafka({
        home: kafkaHome,
        dir: join(dir, "kafka"),
        port: kafkaPort,
        env,
        supervisor,
      });
      return new TestBed({
        brokers: kafka.brokers,
        kafka: kafka.process,
        env,
        supervisor,
        dir,
        closeLog: () => log.close(),
        profile,
      });
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
  }

  /** Starts the reader and waits until it serves; gives its host:port. */
  async startReader(): Promise<string> {
    const address = `127.0.0.1:${await freePort()}`;
    await this.startService("reader", { READER_ADDRESS: address }, () => isServing(address));
    return address;
  }

  /** Starts the gateway in front of a reader, without an ingestor, which reading does not need; gives its host:port. */
  async startGateway(readerAddress: string): Promise<string> {
    const address = `127.0.0.1:${await freePort()}`;
    const variables = {
      PORT: address.slice(address.indexOf(":") + 1),
      INGESTOR_ADDRESS: `127.0.0.1:${await freePort()}`,
      READER_ADDRESS: readerAddress,
    };
    const alive = async (): Promise<boolean> =>
      (await fetch(`http://${address}/livez`).catch(() => undefined))?.ok === true;
    await this.startService("gateway", variables, alive);
    return address;
  }

  /** Starts any service as production does, and waits until `check` says that it is ready. */
  async startService(name: ServiceName, variables: Variables, check: () => Promise<boolean>): Promise<void> {
    const spec = serviceSpec(name, root, {
      ...this.env,
      KAFKA_BROKERS: this.brokers,
      LOG_FORMAT: "json",
      ...variables,
    });
    const profiling = this.#profile === undefined ? [] : profileArgs(this.#profile, name);
    const started = this.#supervisor.start({ ...spec, args: [...profiling, ...spec.args] });
    this.#services.set(name, started);
    await untilReady(started, check, { timeoutMs: 60_000 });
  }

  /** Of Kafka and of each service. Throws when one of them died on the way. */
  pids(): Readonly<Record<string, number>> {
    const pids: Record<string, number> = {};
    for (const [name, { pid, restarts, lastDeath }] of [["kafka", this.#kafka] as const, ...this.#services]) {
      if (restarts > 0 || pid === undefined) throw new Error(`the ${name} died: ${lastDeath ?? "nobody knows why"}`);
      pids[name] = pid;
    }
    return pids;
  }

  /** What each service has used so far. Throws when one of them died on the way. */
  async usages(): Promise<Usages> {
    const usages: Record<string, Usage> = {};
    for (const [name, { pid, restarts, lastDeath }] of this.#services) {
      if (restarts > 0 || pid === undefined) throw new Error(`the ${name} died: ${lastDeath ?? "nobody knows why"}`);
      const usage = await usageOf(pid);
      if (usage !== undefined) usages[name] = usage;
    }
    return usages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor.stop();
    await this.#closeLog();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Node's, for a CPU profile whose name begins with that. */
export function profileArgs(dir: string, name: string): string[] {
  return ["--cpu-prof", `--cpu-prof-dir=${resolve(dir)}`, `--cpu-prof-name=${name}.cpuprofile`];
}

/** Settings of the person who runs this, for their own Apispool, are not the benchmark's. */
function withoutSettings(env: NodeJS.ProcessEnv): Variables {
  const ours =
    /^(SOURCE_|DEMO_|KAFKA_|TOPIC_|PORT$|HOST$|DELIVERY_|LOG_|NODE_ENV$|NODE_OPTIONS$|BATCH_BYTES$|FETCH_BYTES$|READER_|STORE)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}
