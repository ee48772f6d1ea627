import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type LocalKafka, startLocalKafka } from "@apispool/launcher/local-kafka.js";
import { fileOutput } from "@apispool/launcher/output.js";
import { freePort } from "@apispool/common/free-port.js";
import { serviceSpec } from "@apispool/launcher/services.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome, root, testLogs } from "../harness/paths.js";
import { withoutSettings } from "../harness/stack.js";

export interface IngestorsOptions {
  /** The sources, as apispool.yaml has them (JSON is YAML). */
  readonly sources: Readonly<Record<string, object>>;
  readonly count?: number;
  /** A Kafka that may be killed; otherwise the one that all tests share. */
  readonly ownKafka?: boolean;
}

/** Real ingestor processes that share their sources, brought back whenever they die. */
export class Ingestors {
  readonly processes: readonly SupervisedProcess[];
  readonly brokers: string;
  readonly prefix: string;
  /** Only where it is their own. */
  readonly kafka: LocalKafka | undefined;
  readonly logFile: string;
  readonly #cleanUp: () => Promise<void>;

  private constructor(parts: {
    processes: readonly SupervisedProcess[];
    brokers: string;
    prefix: string;
    kafka: LocalKafka | undefined;
    logFile: string;
    cleanUp: () => Promise<void>;
  }) {
    this.processes = parts.processes;
    this.brokers = parts.brokers;
    this.prefix = parts.prefix;
    this.kafka = parts.kafka;
    this.logFile = parts.logFile;
    this.#cleanUp = parts.cleanUp;
  }

  static async start({ sources, count = 1, ownKafka = false }: IngestorsOptions): Promise<Ingestors> {
    const dir = await mkdtemp(join(tmpdir(), "apispool-crash-"));
    await mkdir(testLogs, { recursive: true });
    const logFile = join(testLogs, `${basename(dir)}.log`);
    const log = fileOutput(logFile);
    // Who is killed over and over must not have to wait longer every time.
    const supervisor = new Supervisor(log.output, { initialMs: 20, maxMs: 200, resetAfterMs: 200 });
    const cleanUp = async (): Promise<void> => {
      await supervisor.stop();
      await log.close();
      await rm(dir, { recursive: true, force: true });
    };
    try {
      const env = withoutSettings(process.env);
      const kafka = ownKafka
        ? await startLocalKafka({ home: kafkaHome, dir: join(dir, "kafka"), port: 0, env, supervisor })
        : undefined;
      const brokers = kafka?.brokers ?? process.env["KAFKA_BROKERS"] ?? "";
      const prefix = `crash-${randomBytes(4).toString("hex")}`;
      const file = join(dir, "apispool.yaml");
      await writeFile(file, JSON.stringify({ sources }));
      const processes: SupervisedProcess[] = [];
      for (let i = 0; i < count; i += 1) {
        const spec = serviceSpec("ingestor", root, {
          ...env,
          KAFKA_BROKERS: brokers,
          TOPIC_PREFIX: prefix,
          APISPOOL_CONFIG: file,
          INGESTOR_ADDRESS: `127.0.0.1:${await freePort()}`,
          LOG_LEVEL: "debug",
        });
        processes.push(supervisor.start({ ...spec, name: `ingest-${i}` }));
      }
      return new Ingestors({ processes, brokers, prefix, kafka, logFile, cleanUp });
    } catch (error) {
      await cleanUp();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp();
  }
}
