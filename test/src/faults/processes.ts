import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isServing } from "@apispool/launcher/health.js";
import { startLocalKafka } from "@apispool/launcher/local-kafka.js";
import { fileOutput } from "@apispool/launcher/output.js";
import { freePort } from "@apispool/common/free-port.js";
import { untilReady } from "@apispool/launcher/ready.js";
import { type ServiceName, serviceSpec } from "@apispool/launcher/services.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome, root, testLogs } from "../harness/paths.js";
import { withoutSettings } from "../harness/stack.js";

/** What stands between the processes: by default nothing. */
export interface Between {
  /** The brokers as a process is to find them. */
  kafka(process: string): string;
  /** Where a process is to look for another one that listens at the address. */
  service(from: string, to: string, address: string): Promise<string>;
  /** What a process is to have in its environment beside its settings. */
  env(process: string): Readonly<Record<string, string>>;
}

export interface ProcessesOptions {
  /** As apispool.yaml has them. */
  readonly sources: Readonly<Record<string, object>>;
  /** `host:port,…` of a Kafka that somebody else looks after; undefined: one of its own. */
  readonly kafka?: string;
  readonly prefix?: string;
  readonly between?: Between;
  /** Where a service's dist is, for each that is not the checkout's. */
  readonly roots?: Readonly<Partial<Record<ServiceName, string>>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Processes extends AsyncDisposable {
  /** Where clients find the gateway, by way of what is between. */
  readonly gatewayUrl: string;
  /** The same with nothing between. */
  readonly directUrl: string;
  /** host:port of each ingestor. */
  readonly ingestorAddresses: readonly string[];
  /** The brokers, without anything between. */
  readonly brokers: string;
  readonly prefix: string;
  readonly logFile: string;
  /** Every service's process by name: ingestor-1, ingestor-2, reader-1, reader-2, gateway. */
  readonly all: ReadonlyMap<string, SupervisedProcess>;
  ready(): Promise<void>;
}

/** Real processes, which come back whenever they die: two ingestors, two readers, a gateway. */
export async function startProcesses(options: ProcessesOptions): Promise<Processes> {
  const { sources, prefix = "faults", between, roots = {} } = options;
  const dir = await mkdtemp(join(tmpdir(), "apispool-faults-"));
  await mkdir(testLogs, { recursive: true });
  const logFile = join(testLogs, `${basename(dir)}.log`);
  const log = fileOutput(logFile);
  const supervisor = new Supervisor(log.output, { initialMs: 50, maxMs: 500, resetAfterMs: 500 });
  const dispose = async (): Promise<void> => {
    // Who is frozen cannot end.
    for (const running of all.values()) running.kill("SIGCONT");
    await supervisor.stop();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  };
  const all = new Map<string, SupervisedProcess>();
  const addresses = new Map<string, string>();
  try {
    const env = { ...withoutSettings(process.env), ...options.env };
    const brokers =
      options.kafka ??
      (await startLocalKafka({ home: kafkaHome, dir: join(dir, "kafka"), port: 0, env, supervisor })).brokers;
    const file = join(dir, "apispool.yaml");
    await writeFile(file, JSON.stringify({ sources }));
    const launch = async (service: ServiceName, name: string, own: Record<string, string>): Promise<void> => {
      const spec = serviceSpec(
        service,
        roots[service] ?? root,
        {
          ...env,
          ...between?.env(name),
          KAFKA_BROKERS: between?.kafka(name) ?? brokers,
          TOPIC_PREFIX: prefix,
          METRICS_ADDRESS: "off",
          FAULTS_PROCESS: name,
          ...own,
        },
        name,
      );
      all.set(name, supervisor.start(spec));
    };
    const found = async (to: string): Promise<string> => {
      const address = addresses.get(to) ?? "";
      return (await between?.service("gateway", to, address)) ?? address;
    };
    for (const name of ["ingestor-1", "ingestor-2", "reader-1", "reader-2", "gateway"])
      addresses.set(name, `127.0.0.1:${await freePort()}`);
    for (const name of ["ingestor-1", "ingestor-2"])
      await launch("ingestor", name, { APISPOOL_CONFIG: file, INGESTOR_ADDRESS: addresses.get(name) ?? "" });
    for (const name of ["reader-1", "reader-2"])
      await launch("reader", name, { READER_ADDRESS: addresses.get(name) ?? "" });
    await launch("gateway", "gateway", {
      PORT: (addresses.get("gateway") ?? "").split(":")[1] ?? "",
      INGESTOR_ADDRESS: await found("ingestor-1"),
      READER_ADDRESSES: [await found("reader-1"), await found("reader-2")].join(","),
    });
    const ready = async (): Promise<void> => {
      await Promise.all(
        [...all].map(async ([name, running]) =>
          untilReady(running, () => isServing(addresses.get(name) ?? ""), { timeoutMs: 60_000, maxDeaths: 10 }),
        ),
      );
    };
    await ready();
    const gateway = addresses.get("gateway") ?? "";
    return {
      directUrl: `http://${gateway}`,
      gatewayUrl: `http://${(await between?.service("clients", "gateway", gateway)) ?? gateway}`,
      ingestorAddresses: ["ingestor-1", "ingestor-2"].map((name) => addresses.get(name) ?? ""),
      brokers,
      prefix,
      logFile,
      all,
      ready,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
