import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { BrokerRegistry } from "@apispool/launcher/broker-registry.js";
import { findJava } from "@apispool/launcher/java.js";
import { ensureKafkaLibs } from "@apispool/launcher/kafka-libs.js";
import { kafkaAnswers } from "@apispool/launcher/kafka-probe.js";
import { freePort } from "@apispool/common/free-port.js";
import { commandLine } from "@apispool/launcher/process-table.js";
import { untilReady } from "@apispool/launcher/ready.js";
import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import type { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome } from "../../harness/paths.js";
import { startKafkaNode } from "../../support/kafka-node.js";
import { SwallowingProxy } from "../network/swallowing-proxy.js";
import type { Way, Ways } from "../network/way.js";
import { nodeProperties } from "./broker-settings.js";
import { type Disk, makeDisk, unmountLeftovers } from "./disk.js";

export interface BrokersOptions {
  readonly supervisor: Supervisor;
  /** Each has a folder below it. */
  readonly dir: string;
  readonly count: 1 | 3;
  readonly ways: Ways;
  /** Kinds of clients ("ingestor", "reader"), each of which has its own way to every broker. */
  readonly clients: readonly string[];
}

export interface Broker {
  readonly name: string;
  readonly process: SupervisedProcess;
  readonly disk: Disk;
  /** host:port, with nothing between. */
  readonly address: string;
  /** Waits until it answers. */
  ready(): Promise<void>;
}

/** How one kind of client gets to one broker: a way that can be cut, and a proxy behind it that swallows replies. */
interface Path {
  readonly way: Way;
  readonly proxy: SwallowingProxy;
  readonly listenerPort: number;
}

/**
 * Real brokers with a listener for each kind of client, whose advertised port is a proxy's: what a client is told by the
 * brokers themselves leads it through the proxy.
 */
export class Brokers implements AsyncDisposable {
  readonly all: readonly Broker[];
  readonly ways: readonly Way[];
  readonly #paths: ReadonlyMap<string, readonly Path[]>;

  private constructor(all: readonly Broker[], paths: ReadonlyMap<string, readonly Path[]>) {
    this.all = all;
    this.#paths = paths;
    this.ways = [...paths.values()].flat().map(({ way }) => way);
  }

  static async start({ supervisor, dir, count, ways, clients }: BrokersOptions): Promise<Brokers> {
    const java = await findJava(process.env);
    if ("problem" in java) throw new Error(java.problem);
    const libs = await ensureKafkaLibs({ home: kafkaHome, say: (text) => supervisor.say(text) });
    await unmountLeftovers();
    const registry = new BrokerRegistry(join(kafkaHome, "running"));
    const owner = (await commandLine(process.pid)) ?? "";
    const clusterId = randomBytes(16).toString("base64url").replace(/^-/, "A");
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const brokerPorts = await Promise.all(ids.map(async () => freePort()));
    const controllerPorts = await Promise.all(ids.map(async () => freePort()));
    const paths = new Map<string, Path[]>();
    const disks: Disk[] = [];
    for (const client of clients) {
      const own: Path[] = [];
      for (const id of ids) own.push(await openPath(ways, `${client} → kafka-${id}`));
      paths.set(client, own);
    }
    const startOne = async (id: number): Promise<Broker> => {
      const name = `kafka-${id}`;
      const folder = join(dir, name);
      const disk = await makeDisk(join(folder, "data"));
      disks.push(disk);
      const listeners = [...paths].map(([client, own]) => ({
        name: client.toUpperCase(),
        protocol: "PLAINTEXT" as const,
        port: own[id - 1]?.listenerPort ?? 0,
        advertisedPort: portOf(own[id - 1]?.way.address ?? ""),
        settings: {},
      }));
      const brokerPort = brokerPorts[id - 1] ?? 0;
      const running = await startKafkaNode({
        supervisor,
        registry,
        owner,
        java: java.command,
        libs,
        name,
        folder,
        clusterId,
        properties: nodeProperties({ id, brokerPort, controllerPorts, listeners }),
        heap: "-Xmx512m",
      });
      const address = `127.0.0.1:${brokerPort}`;
      // It may die as often as it has no room, or none to talk to.
      const ready = async (): Promise<void> =>
        untilReady(running, async () => kafkaAnswers(address), { timeoutMs: 120_000, maxDeaths: 100 });
      return { name, process: running, disk, address, ready };
    };
    try {
      const brokers = new Brokers(await Promise.all(ids.map(startOne)), paths);
      await brokers.ready();
      return brokers;
    } catch (error) {
      await supervisor.stop();
      await disposeOf(paths, disks);
      throw error;
    }
  }

  /** `host:port,…` with nothing between. */
  get direct(): string {
    return this.all.map(({ address }) => address).join(",");
  }

  /** `host:port,…` for one kind of client. */
  addressesFor(client: string): string {
    return this.#of(client)
      .map(({ way }) => way.address)
      .join(",");
  }

  swallowing(client: string): readonly SwallowingProxy[] {
    return this.#of(client).map(({ proxy }) => proxy);
  }

  async ready(): Promise<void> {
    await Promise.all(this.all.map(async (broker) => broker.ready()));
  }

  /** Whoever is stopped by a signal goes on, so that it can be ended. */
  thaw(): void {
    for (const broker of this.all) broker.process.kill("SIGCONT");
  }

  /** What is beside the processes, which are the supervisor's to stop first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await disposeOf(
      this.#paths,
      this.all.map(({ disk }) => disk),
    );
  }

  #of(client: string): readonly Path[] {
    const own = this.#paths.get(client);
    if (own === undefined) throw new Error(`there is no way to the brokers for ${client}`);
    return own;
  }
}

async function disposeOf(paths: ReadonlyMap<string, readonly Path[]>, disks: readonly Disk[]): Promise<void> {
  for (const { proxy } of [...paths.values()].flat()) await proxy[Symbol.asyncDispose]();
  for (const disk of disks) await disk[Symbol.asyncDispose]();
}

async function openPath(ways: Ways, name: string): Promise<Path> {
  const listenerPort = await freePort();
  const proxy = await SwallowingProxy.start(`127.0.0.1:${listenerPort}`);
  return { way: await ways.open(name, proxy.address), proxy, listenerPort };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
