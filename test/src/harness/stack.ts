import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileOutput } from "@apispool/launcher/output.js";
import { type ProcessName, type Stack, type StackOptions, startStack } from "@apispool/launcher/stack.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome, root, testLogs } from "./paths.js";

export interface TestStackOptions {
  /** What to poll, as a rule every 100 ms; undefined: a demo that is a hundred times as fast as the ordinary one. */
  readonly sourceUrl?: string;
  readonly sourceName?: string;
  /** An `apispool.yaml` with the sources, instead of those. */
  readonly configFile?: string;
  /** How many reader processes; one unless given. */
  readonly readers?: number;
  /** Whether the services have their metrics and probes, on free ports. */
  readonly metrics?: boolean;
  /** Whether a store is switched on, in SQLite. */
  readonly store?: boolean;
  /** What single processes get in their environment beyond that. */
  readonly serviceEnv?: StackOptions["serviceEnv"];
}

export interface TestStack extends Stack {
  /** Where every process logs. */
  readonly logFile: string;
  /** kill -9; resolves when the process is gone. The supervisor brings it back; `ready()` waits for that. */
  kill(name: ProcessName): Promise<void>;
}

/** The real three processes on free ports, with a Kafka of their own that may be killed, and a quick source. */
export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const dir = await mkdtemp(join(tmpdir(), "apispool-stack-"));
  await mkdir(testLogs, { recursive: true });
  const logFile = join(testLogs, `${basename(dir)}.log`);
  const log = fileOutput(logFile);
  // A process that is killed over and over must not have to wait longer every time.
  const supervisor = new Supervisor(log.output, { initialMs: 100, maxMs: 1000, resetAfterMs: 2000 });
  const { sourceUrl, sourceName, configFile, readers = 1, metrics = false, store = false, serviceEnv = {} } = options;
  const source = (): StackOptions["source"] => {
    if (configFile !== undefined) return { kind: "file", file: configFile };
    if (sourceUrl === undefined) return { kind: "demo", speed: 36_000 };
    return { kind: "url", url: sourceUrl, ...(sourceName === undefined ? {} : { name: sourceName }) };
  };
  const cleanUp = async (): Promise<void> => {
    await supervisor.stop();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const stack = await startStack({
      root,
      supervisor,
      readers,
      kafka: { home: kafkaHome, dir, port: 0 },
      source: source(),
      ports: { gateway: 0, ingestor: 0, reader: 0, demo: 0, ...(metrics ? { metrics: 0 } : {}) },
      store: store ? { port: 0, database: `sqlite:${join(dir, "store")}` } : undefined,
      env: withoutSettings(process.env),
      serviceEnv: {
        ...serviceEnv,
        ingestor: { ...(configFile === undefined ? { SOURCE_INTERVAL: "100ms" } : {}), ...serviceEnv.ingestor },
      },
    });
    return {
      ...stack,
      logFile,
      kill: (name) => stack.process(name).crash(),
      stop: cleanUp,
    };
  } catch (error) {
    await cleanUp();
    if (error instanceof Error) error.message += `\nthe processes' log is ${logFile}`;
    throw error;
  }
}

/** Settings that the person running the tests has for their own Apispool are not the tests'. */
export function withoutSettings(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const ours =
    /^(APISPOOL_|SOURCE_|DEMO_|KAFKA_|TOPIC_|PORT$|HOST$|READER|STORE|DATA_STORE|DELIVERY_|METRICS_|OTEL_|TRACE_|LOG_|NODE_ENV$|NODE_OPTIONS$|JEST_)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}
