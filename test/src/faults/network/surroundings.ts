import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileOutput } from "@apispool/launcher/output.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { brokerFaults } from "../brokers/broker-faults.js";
import { Brokers } from "../brokers/brokers.js";
import { FakedClock, clockFaults, findFaketime } from "../clock/faked-clock.js";
import type { Fault } from "../fault.js";
import { networkFaults } from "./network-faults.js";
import { openWays } from "./open-ways.js";
import { ingestorApis, readerApis, swallowFaults } from "./swallow-faults.js";
import type { ToxiproxyOptions } from "./toxiproxy-program.js";
import type { Way, Ways } from "./way.js";

export interface SurroundingsOptions {
  readonly brokers: 1 | 3;
  /** The processes that talk to Kafka: "ingestor-1", "reader-2". Each has ways of its own. */
  readonly clients: readonly string[];
  /** Where the brokers' deaths and returns are written to. */
  readonly logFile: string;
  /** What is left out, or done by other means than one would think. */
  readonly say: (text: string) => void;
  readonly toxiproxy?: ToxiproxyOptions;
}

/** All that is around the services: brokers, what lies between everybody and everybody else, clocks. And what can go wrong with it. */
export class Surroundings implements AsyncDisposable {
  readonly brokers: Brokers;
  readonly #ways: Ways;
  readonly #opened: Way[] = [];
  readonly #clocks: ReadonlyMap<string, FakedClock>;
  readonly #clients: readonly string[];
  readonly #dispose: () => Promise<void>;

  private constructor(parts: {
    brokers: Brokers;
    ways: Ways;
    clocks: ReadonlyMap<string, FakedClock>;
    clients: readonly string[];
    dispose: () => Promise<void>;
  }) {
    this.brokers = parts.brokers;
    this.#ways = parts.ways;
    this.#clocks = parts.clocks;
    this.#clients = parts.clients;
    this.#dispose = parts.dispose;
  }

  static async start(options: SurroundingsOptions): Promise<Surroundings> {
    const { clients, say, logFile } = options;
    const dir = await mkdtemp(join(tmpdir(), "apispool-surroundings-"));
    const log = fileOutput(logFile);
    const supervisor = new Supervisor(log.output, { initialMs: 50, maxMs: 1000, resetAfterMs: 1000 });
    const ways = await openWays(say, options.toxiproxy);
    let brokers: Brokers | undefined;
    const dispose = async (): Promise<void> => {
      brokers?.thaw();
      await supervisor.stop();
      await brokers?.[Symbol.asyncDispose]();
      await ways[Symbol.asyncDispose]();
      await log.close();
      await rm(dir, { recursive: true, force: true });
    };
    try {
      const library = findFaketime();
      if (library === undefined) say("faults: no clock jumps: libfaketime (Debian: faketime) is not installed");
      const clocks = new Map<string, FakedClock>();
      if (library !== undefined)
        for (const client of clients) clocks.set(client, await FakedClock.create(client, library, dir));
      brokers = await Brokers.start({ supervisor, dir, count: options.brokers, ways, clients });
      const [first] = brokers.all;
      if (first !== undefined) say(`faults: a broker's disk is ${first.disk.means}; ways go through ${ways.carrier}`);
      return new Surroundings({ brokers, ways, clocks, clients, dispose });
    } catch (error) {
      await dispose();
      throw error;
    }
  }

  /** `host:port,…` of the brokers as a process is to find them. */
  kafka(process: string): string {
    return this.#clients.includes(process) ? this.brokers.addressesFor(process) : this.brokers.direct;
  }

  /** A way to who listens at `address` (host:port): "gateway → reader-1". */
  async service(from: string, to: string, address: string): Promise<string> {
    const way = await this.#ways.open(`${from} → ${to}`, address);
    this.#opened.push(way);
    return way.address;
  }

  /** What a process is to have in its environment, so that its clock can jump. */
  env(process: string): Readonly<Record<string, string>> {
    return this.#clocks.get(process)?.env ?? {};
  }

  /** Of the ways that have been opened until now. */
  faults(): Fault[] {
    const swallowed = this.#clients.map((client) => ({
      client,
      proxies: this.brokers.swallowing(client),
      apis: client.startsWith("ingestor") ? ingestorApis : readerApis,
    }));
    // To Kafka there is a way to each broker; to everybody else one.
    const ways = [...this.#opened, ...this.brokers.ways];
    return [
      ...networkFaults(ways),
      ...swallowFaults(swallowed),
      ...brokerFaults(this.brokers),
      ...(this.#clocks.size > 0 ? clockFaults([...this.#clocks.values()]) : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }
}
