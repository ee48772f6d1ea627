import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import { isServing } from "@apispool/launcher/health.js";
import { fileOutput } from "@apispool/launcher/output.js";
import { freePort } from "@apispool/common/free-port.js";
import { untilReady } from "@apispool/launcher/ready.js";
import { serviceSpec } from "@apispool/launcher/services.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { TestBed, profileArgs, resultsDir, root } from "../test-bed.js";
import { type Usage, usageOf } from "../usage.js";

/** What the API was asked. */
export interface Seen {
  /** By path, in milliseconds since the Unix epoch. */
  readonly asked: Readonly<Record<string, readonly number[]>>;
  readonly notModified: Readonly<Record<string, number>>;
}

export interface ApiSize {
  readonly records: number;
  readonly bytes: number;
  readonly perPage: number;
}

/** An API in a process of its own. */
export interface Api {
  readonly url: string;
  seen(): Promise<Seen>;
}

/** An ingestor with sources of its own. */
export interface MeasuredIngestor {
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** A Kafka, an API, and ingestors that come and go. */
export class IngestBed {
  readonly brokers: string;
  readonly #bed: TestBed;
  readonly #profile: string | undefined;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #self: NodeJS.Process;

  private constructor(self: NodeJS.Process, bed: TestBed, profile: string | undefined) {
    this.#self = self;
    this.#bed = bed;
    this.#profile = profile;
    this.brokers = bed.brokers;
  }

  static async start(self: NodeJS.Process, profile: string | undefined): Promise<IngestBed> {
    return new IngestBed(self, await TestBed.start(self), profile);
  }

  async startApi({ records, bytes, perPage }: ApiSize): Promise<Api> {
    const main = join(import.meta.dirname, "api-main.js");
    const url = await this.startServer(main, [String(records), String(bytes), String(perPage)]);
    return { url, seen: async () => (await (await fetch(`${url}/seen`)).json()) as Seen };
  }

  /** A process that prints the port on which it serves HTTP, and ends with this one; gives its address. */
  async startServer(main: string, args: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    this.#self.on("exit", () => child.kill("SIGKILL"));
    this.#closers.push(async () => {
      child.kill("SIGKILL");
    });
    const port = await new Promise<string>((gotPort, reject) => {
      if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", gotPort);
      child.once("exit", () => reject(new Error("the API ended before it listened")));
    });
    return `http://127.0.0.1:${port}`;
  }

  async createTopic(topic: string): Promise<void> {
    const kafka = new Kafka({ brokers: this.brokers.split(","), clientId: "bench", logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
  }

  /** `sources` as apispool.yaml has them; `prefix` is that of all names in Kafka. */
  async startIngestor(prefix: string, sources: Readonly<Record<string, object>>): Promise<MeasuredIngestor> {
    await mkdir(resultsDir, { recursive: true });
    const file = join(resultsDir, `${prefix}.yaml`);
    await writeFile(file, JSON.stringify({ sources }));
    const log = fileOutput(join(resultsDir, `${prefix}.log`));
    const supervisor = new Supervisor(log.output);
    this.#self.on("exit", () => supervisor.killNow());
    const address = `127.0.0.1:${await freePort()}`;
    const spec = serviceSpec("ingestor", root, {
      ...this.#bed.env,
      KAFKA_BROKERS: this.brokers,
      TOPIC_PREFIX: prefix,
      APISPOOL_CONFIG: file,
      INGESTOR_ADDRESS: address,
    });
    const profiling = this.#profile === undefined ? [] : profileArgs(this.#profile, `ingestor-${prefix}`);
    const started = supervisor.start({ ...spec, args: [...profiling, ...spec.args], stopTimeoutMs: 15_000 });
    const stop = async (): Promise<void> => {
      await supervisor.stop();
      await log.close();
    };
    this.#closers.push(stop);
    await untilReady(started, () => isServing(address), { timeoutMs: 120_000 });
    return {
      stop,
      usage: async () => {
        const { pid, restarts, lastDeath } = started;
        const usage = pid === undefined ? undefined : await usageOf(pid);
        if (restarts > 0) throw new Error(`the ingestor died: ${lastDeath ?? "nobody knows why"}`);
        return usage ?? { peakMemory: Number.NaN, memory: Number.NaN, cpu: Number.NaN };
      },
    };
  }

  /** Resolves with the time at which a source's record of that running number can be read. Gives up after `patience` ms. */
  async untilRecord(topic: string, sequence: number, patience = 300_000): Promise<number> {
    const log = createLogReader({
      brokers: this.brokers.split(","),
      clientId: "bench-watch",
      topicPrefix: "bench",
      log: silentLogger,
    });
    const place = { topic, partition: 0 };
    const end = Date.now() + patience;
    try {
      while (Date.now() < end) {
        const [latest] = await log.offsetsAt("latest", [place]).catch(() => []);
        if (latest !== undefined && latest.offset > sequence) {
          // The last offset is the commit's marker.
          const fetched = await log.fetch([{ ...place, offset: latest.offset - 2 }], {
            maxBytes: 2_000_000,
            maxBytesPerPartition: 2_000_000,
            maxWaitMs: 0,
          });
          const headers = fetched[0]?.records.at(-1)?.headers ?? [];
          const newest = headers.find(([name]) => name === recordHeaders.sequence)?.[1]?.toString();
          if (Number(newest) >= sequence) return Date.now();
        }
        await new Promise((wake) => setTimeout(wake, 20));
      }
      throw new Error(`record ${sequence} of ${topic} never came`);
    } finally {
      await log.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    await this.#bed[Symbol.asyncDispose]();
  }

  get env(): TestBed["env"] {
    return this.#bed.env;
  }
}
