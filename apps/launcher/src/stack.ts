import { type LocalKafka, startLocalKafka } from "./local-kafka.js";
import { EnvReader } from "@apispool/common/env.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import { isServing, localCredentials } from "./health.js";
import { anyKafkaAnswers } from "./kafka-probe.js";
import { freePort } from "@apispool/common/free-port.js";
import { preferPort, requirePort } from "./ports.js";
import { NotReadyError, untilReady } from "./ready.js";
import { type ReaderName, type ServiceName, type Variables, readerName, serviceSpec } from "./services.js";
import { type Source, shownSource, sourceVariables } from "./source.js";
import type { SupervisedProcess } from "./supervised-process.js";
import type { Supervisor } from "./supervisor.js";

export interface StackOptions {
  /** The checkout. */
  readonly root: string;
  readonly supervisor: Supervisor;
  /** `host:port,…` of a Kafka that is there; otherwise a local one is started in `dir`. */
  readonly kafka: { readonly brokers: string } | { readonly home: string; readonly dir: string; readonly port: number };
  readonly source: Source;
  /** Where the store's port is wanted, and its database as STORE has it. Undefined: none is switched on, and nothing of one runs. */
  readonly store?: { readonly port: number; readonly database: string } | undefined;
  /**
   * 0 takes a free port. The gateway's is taken as it is, and an error when somebody else has it; the others give way
   * to another port.
   */
  readonly ports: {
    readonly gateway: number;
    readonly ingestor: number;
    readonly reader: number;
    readonly demo: number;
    /** The gateway's for metrics and probes; the ingestor's and the readers' follow. Undefined: none has one. */
    readonly metrics?: number | undefined;
  };
  /** How many processes read; one unless given. The first takes the reader's port, the others free ones. */
  readonly readers?: number;
  /** Where the gateway listens; its own default when undefined. */
  readonly host?: string | undefined;
  /** The environment of every process. */
  readonly env: Variables;
  /** What single processes get beyond that. */
  readonly serviceEnv?: Readonly<Partial<Record<ServiceName, Variables>>>;
  /** Gives up the start; what has begun is stopped. */
  readonly signal?: AbortSignal | undefined;
}

export type ProcessName = ServiceName | ReaderName | "kafka";

/** A running Apispool. */
export interface Stack {
  readonly gatewayUrl: string;
  /** host:port */
  readonly ingestorAddress: string;
  /** host:port of the first reader process. */
  readonly readerAddress: string;
  /** host:port of every reader process. */
  readonly readerAddresses: readonly string[];
  /** host:port; undefined: there is none. */
  readonly storeAddress: string | undefined;
  /** host:port of every service's metrics and probes, the gateway's first, then the ingestor's, the readers' and the store's; or off. */
  readonly metricsAddresses: readonly string[];
  /** `host:port,…` */
  readonly kafkaBrokers: string;
  /** Undefined when somebody else's Kafka is used. */
  readonly localKafka: LocalKafka | undefined;
  /** What is polled, and under which name. */
  readonly source: { readonly name: string; readonly url: string; readonly demo: boolean };
  /** Throws when this stack has no such process. */
  process(name: ProcessName): SupervisedProcess;
  /** Waits until every process serves. */
  ready(): Promise<void>;
  /** Stops the gateway, the reader, the ingestor, the demo and Kafka, in this order. */
  stop(): Promise<void>;
}

/** How long a service may take from its start to serving, in milliseconds. */
const readyTimeoutMs = 60_000;
/** The same for the store, which nothing else needs. */
const storeTimeoutMs = 15_000;

/** Starts everything and waits until it serves. When that fails, what was started is stopped before the error is thrown. */
export async function startStack(options: StackOptions): Promise<Stack> {
  try {
    return await start(options);
  } catch (error) {
    await options.supervisor.stop();
    throw error;
  }
}

async function start(options: StackOptions): Promise<Stack> {
  const { root, supervisor, kafka, source, store, ports, env, host, signal, readers = 1, serviceEnv = {} } = options;
  const say = (text: string): void => supervisor.say(text);
  // First what fails at once, before anything is started.
  const gatewayPort = await requirePort(ports.gateway, host, `Choose another one: PORT=${ports.gateway + 1} npm start`);
  const ingestorPort = await preferPort(ports.ingestor, "the ingestor", say);
  const readerPorts = [await preferPort(ports.reader, "the reader", say)];
  while (readerPorts.length < readers) {
    const port = await freePort();
    if (!readerPorts.includes(port)) readerPorts.push(port);
  }
  const storeAddress = store === undefined ? undefined : `127.0.0.1:${await preferPort(store.port, "the store", say)}`;
  const taken = new Set<number>();
  const metrics: string[] = [];
  const measured = 2 + readers + (store === undefined ? 0 : 1);
  for (let i = 0; i < measured; i += 1) metrics.push(await metricsAddress(ports.metrics, i, taken));
  const [gatewayMetrics, ingestorMetrics, ...readerMetrics] = metrics;
  const demoPort = source.kind === "demo" ? await preferPort(ports.demo, "the demo API", say) : 0;
  const demoAddress = `127.0.0.1:${demoPort}`;
  const ingestorAddress = `127.0.0.1:${ingestorPort}`;
  const readerAddresses = readerPorts.map((port) => `127.0.0.1:${port}`);
  const [readerAddress = ""] = readerAddresses;
  const gatewayAddress = `${reachable(host)}:${gatewayPort}`;

  const localKafka = "brokers" in kafka ? undefined : await startLocalKafka({ ...kafka, env, supervisor, signal });
  const kafkaBrokers = "brokers" in kafka ? kafka.brokers : (localKafka?.brokers ?? "");
  say(localKafka === undefined ? `using Kafka at ${kafkaBrokers}` : `Kafka is ready at ${kafkaBrokers}`);

  const polled = sourceVariables(source, demoAddress, env);
  const started = new Map<ProcessName, SupervisedProcess>();
  if (localKafka !== undefined) started.set("kafka", localKafka.process);
  const launch = (name: ServiceName, own: Variables, as: ProcessName = name): void => {
    signal?.throwIfAborted();
    const all = { ...env, KAFKA_BROKERS: kafkaBrokers, ...own, ...serviceEnv[name] };
    started.set(as, supervisor.start(serviceSpec(name, root, all, as)));
  };
  const { speed } = source.kind === "demo" ? source : {};
  if (source.kind === "demo") {
    launch("demo", {
      DEMO_ADDRESS: demoAddress,
      ...(speed === undefined ? {} : { DEMO_SPEED: String(speed) }),
    });
  }
  launch("ingestor", { INGESTOR_ADDRESS: ingestorAddress, METRICS_ADDRESS: orFree(ingestorMetrics), ...polled });
  for (const [i, address] of readerAddresses.entries())
    launch(
      "reader",
      // It looks at the database only with DATA_STORE=store.
      { READER_ADDRESS: address, METRICS_ADDRESS: orFree(readerMetrics[i]), STORE: store?.database },
      readerName(i),
    );
  if (store !== undefined && storeAddress !== undefined) {
    const address = orFree(metrics[2 + readers]);
    launch("store", { STORE: store.database, STORE_ADDRESS: storeAddress, METRICS_ADDRESS: address });
  }
  launch("gateway", {
    PORT: String(gatewayPort),
    ...(host === undefined ? {} : { HOST: host }),
    INGESTOR_ADDRESS: ingestorAddress,
    READER_ADDRESSES: readerAddresses.join(","),
    STORE_ADDRESS: storeAddress,
    METRICS_ADDRESS: orFree(gatewayMetrics),
  });

  const settings = new EnvReader(env);
  const services = localCredentials(serviceTlsFromEnv(settings), "authority");
  const certificate = settings.string("TLS_CERT_FILE");
  const outside = localCredentials(certificate === undefined ? undefined : { cert: certificate }, "anybody");
  const gatewayUrl = `${certificate === undefined ? "http" : "https"}://${gatewayAddress}`;
  settings.done();
  const kafkaTls =
    env["KAFKA_TLS"] === "true" ||
    ["KAFKA_TLS_CA_FILE", "KAFKA_TLS_CERT_FILE"].some((name) => (env[name] ?? "") !== "");
  const checks: readonly (readonly [ProcessName, () => Promise<boolean>])[] = [
    ["kafka", () => anyKafkaAnswers(kafkaBrokers, { tls: kafkaTls })],
    ["demo", async () => (await fetch(`http://${demoAddress}/livez`).catch(() => undefined))?.ok === true],
    ["ingestor", () => isServing(ingestorAddress, 1000, services)],
    ...readerAddresses.map((address, i) => [readerName(i), () => isServing(address, 1000, services)] as const),
    ["gateway", () => isServing(gatewayAddress, 1000, outside)],
  ];
  const ready = async (stop?: AbortSignal): Promise<void> => {
    await Promise.all(
      checks.map(async ([name, check]) => {
        const waited = started.get(name);
        if (waited !== undefined) await untilReady(waited, check, { timeoutMs: readyTimeoutMs, signal: stop });
      }),
    );
  };
  await ready(signal);
  const storeProcess = started.get("store");
  if (storeProcess !== undefined && storeAddress !== undefined) {
    // Everything else does its work without it.
    const check = (): Promise<boolean> => isServing(storeAddress, 1000, services);
    await untilReady(storeProcess, check, { timeoutMs: storeTimeoutMs, signal }).catch((error: unknown) => {
      if (!(error instanceof NotReadyError)) throw error;
      say(`${error.message}; everything else is ready`);
    });
  }
  return {
    gatewayUrl,
    ingestorAddress,
    readerAddress,
    readerAddresses,
    storeAddress,
    metricsAddresses: metrics,
    kafkaBrokers,
    localKafka,
    source: shownSource(source, polled),
    process(name) {
      const found = started.get(name);
      if (found === undefined) throw new Error(`this stack has no ${name}`);
      return found;
    },
    ready: () => ready(),
    stop: () => supervisor.stop(),
  };
}

/** The `index`th service's address for metrics: a port that follows, or a free one where somebody has that. */
async function metricsAddress(first: number | undefined, index: number, taken: Set<number>): Promise<string> {
  if (first === undefined) return "off";
  let port: number;
  do port = await preferPort(first === 0 ? 0 : Math.min(first + index, 65_535), "metrics", () => {});
  while (taken.has(port));
  taken.add(port);
  return `127.0.0.1:${port}`;
}

/** The same for a service: the port may be taken until it starts, and nothing is to fail for that. */
function orFree(address = "off"): string {
  return address === "off" ? address : `${address},127.0.0.1:0`;
}

/** An address at which a server that listens on `host` can be reached from here. */
function reachable(host: string | undefined): string {
  if (host === undefined || host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
