import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Kafka, logLevel } from "kafkajs";
import { keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { isServing } from "@apispool/launcher/health.js";
import { freePort } from "@apispool/common/free-port.js";
import { TestBed, resultsDir } from "../test-bed.js";
import { type Sample, metricsIn, sampleOf } from "./sample.js";

/** Kafka looks for what is too much every five minutes, and drops whole segments. */
const RETENTION = { "retention.bytes": String(256 * 1024 * 1024), "segment.bytes": String(32 * 1024 * 1024) };
/** As the ingestor makes its topics: a batch of a page has to fit. */
const LARGE = { "max.message.bytes": "2048576" };
const metered = ["ingestor", "reader", "gateway"] as const;

/** The whole stack with its metrics on free ports, two sources of an API that always has more, and logs that do not fill the disk. */
export class SoakStack {
  readonly gateway: string;
  readonly sources = ["pages", "lines"];
  readonly #bed: TestBed;
  readonly #api: string;
  readonly #metrics: Readonly<Record<string, string>>;
  readonly #stopApi: () => void;

  private constructor(parts: {
    gateway: string;
    bed: TestBed;
    api: string;
    metrics: Readonly<Record<string, string>>;
    stopApi: () => void;
  }) {
    this.gateway = parts.gateway;
    this.#bed = parts.bed;
    this.#api = parts.api;
    this.#metrics = parts.metrics;
    this.#stopApi = parts.stopApi;
  }

  /** `perSecond`: of all sources together. */
  static async start(self: NodeJS.Process, options: { perSecond: number; bytes: number }): Promise<SoakStack> {
    const bed = await TestBed.start(self);
    try {
      const each = options.perSecond / 2;
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, "api-main.js"), String(each), String(options.bytes)],
        {
          stdio: ["ignore", "pipe", "inherit", "ipc"],
        },
      );
      const stopApi = (): void => void child.kill("SIGKILL");
      self.on("exit", stopApi);
      const [port] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line")) as [
        string,
      ];
      const api = `http://127.0.0.1:${port}`;
      await createTopics(bed.brokers);
      const file = join(resultsDir, "soak.yaml");
      await writeFile(file, JSON.stringify({ sources: sourcesOf(api) }));
      const [ingestor, reader, gateway] = await Promise.all(metered.map(async () => `127.0.0.1:${await freePort()}`));
      const metrics = Object.fromEntries(
        await Promise.all(metered.map(async (name) => [name, `127.0.0.1:${await freePort()}`] as const)),
      );
      const own = (name: string): { METRICS_ADDRESS: string | undefined } => ({ METRICS_ADDRESS: metrics[name] });
      await bed.startService(
        "ingestor",
        { APISPOOL_CONFIG: file, INGESTOR_ADDRESS: ingestor, ...own("ingestor") },
        () => isServing(ingestor ?? ""),
      );
      await bed.startService("reader", { READER_ADDRESS: reader, ...own("reader") }, () => isServing(reader ?? ""));
      const where = { PORT: gateway?.split(":")[1], INGESTOR_ADDRESS: ingestor, READER_ADDRESS: reader };
      const alive = async (): Promise<boolean> =>
        (await fetch(`http://${gateway ?? ""}/readyz`).catch(() => undefined))?.ok === true;
      await bed.startService("gateway", { ...where, ...own("gateway") }, alive);
      return new SoakStack({ gateway: gateway ?? "", bed, api, metrics, stopApi });
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of Kafka and of every service. Throws when one of them died. */
  async samples(): Promise<Readonly<Record<string, Sample>>> {
    const pids = Object.entries(this.#bed.pids());
    const samples = await Promise.all(
      pids.map(async ([name, pid]) => [name, await sampleOf(pid, this.#metrics[name])] as const),
    );
    return Object.fromEntries(samples);
  }

  /** Records that the API has, of both sources. */
  async made(): Promise<number> {
    return 2 * Number(await (await fetch(`${this.#api}/made`)).text());
  }

  /** Records that are in Kafka, as the ingestor counts them. */
  async written(): Promise<number> {
    const text = await (await fetch(`http://${this.#metrics["ingestor"] ?? ""}/metrics`)).text();
    return metricsIn(text).get("apispool_records_written_total") ?? Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopApi();
    await this.#bed[Symbol.asyncDispose]();
  }
}

function sourcesOf(api: string): Readonly<Record<string, object>> {
  const common = {
    interval: "1s",
    id: "id",
    cursor: { field: "n", type: "number", initial: 0 },
    autostart: true,
    timeout: "30s",
  };
  const query = { after: "{{ cursor }}" };
  return {
    pages: {
      ...common,
      url: `${api}/pages`,
      query,
      records: "items",
      pagination: { type: "cursor", from: { body: "next" }, into: { query: "page" }, max_pages: 1000 },
    },
    lines: { ...common, url: `${api}/lines`, query, format: "ndjson" },
  };
}

/** The records' topics, before the ingestor would make them, with an end to what is kept. */
async function createTopics(brokers: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), clientId: "soak", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = Object.entries({ ...keptForEver, ...RETENTION, ...LARGE }).map(([name, value]) => ({
    name,
    value,
  }));
  const names = namesFor("apispool");
  await admin.createTopics({
    topics: ["pages", "lines"].map((source) => ({ topic: names.records(source), numPartitions: 1, configEntries })),
    waitForLeaders: true,
  });
  await admin.disconnect();
}
