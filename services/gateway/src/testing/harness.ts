import { execFile } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { type Logger, silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import type { GatewayConfig } from "../config.js";
import { startGateway } from "../gateway.js";
import { defaultLimits } from "../limits/settings.js";
import type { Resolve } from "../reader-addresses.js";
import { FakeStore } from "./fake-store.js";
import { FakeIngestor, FakeReader } from "./fake-upstreams.js";

/** A gateway with fake services behind it. */
export class Harness {
  readonly reader = new FakeReader();
  readonly ingestor = new FakeIngestor();
  /** Runs only where the gateway is told of it: `startWithStore`. */
  readonly store = new FakeStore();
  gateway: RunningServer | undefined;

  #secure = false;

  /** `client`: what a client needs where there is TLS. */
  static async start(
    config: Partial<GatewayConfig> = {},
    resolve?: Resolve,
    log: Logger = silentLogger,
    client: ConnectionOptions = {},
    withStore = false,
  ): Promise<Harness> {
    const harness = new Harness();
    harness.#secure = config.tls !== undefined;
    harness.reader.tls = config.serviceTls;
    harness.ingestor.tls = config.serviceTls;
    const [readerAddress, ingestorAddress] = await Promise.all([harness.reader.start(), harness.ingestor.start()]);
    harness.store.tls = config.serviceTls;
    const storeAddress = withStore ? await harness.store.start() : undefined;
    harness.gateway = await startGateway(
      {
        host: "127.0.0.1",
        port: 0,
        readers: [{ kind: "address", address: readerAddress }],
        ingestorAddress,
        storeAddress,
        deliveryTimeoutMs: 30_000,
        deliveryIdleMs: 1000,
        idleTimeoutMs: 65_000,
        heartbeatMs: 15_000,
        headersTimeoutMs: 10_000,
        maxBodyBytes: 1024 * 1024,
        maxConnections: 1000,
        tls: undefined,
        limits: defaultLimits,
        ...config,
      },
      log,
      resolve,
    );
    await eventually(async () => {
      if (harness.#secure) return (await httpsStatus(`${harness.url}/readyz`, client)) === 200;
      const { status } = await fetch(`${harness.url}/readyz`);
      return status === 200;
    });
    return harness;
  }

  /** A gateway with a store behind it, too. */
  static async startWithStore(config: Partial<GatewayConfig> = {}, log?: Logger): Promise<Harness> {
    return Harness.start(config, undefined, log, {}, true);
  }

  get port(): number {
    return this.gateway?.port ?? 0;
  }

  get url(): string {
    return `${this.#secure ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.gateway?.stop();
    await Promise.all([this.reader.stop(), this.ingestor.stop(), this.store.stop()]);
  }
}

/** The status of a GET over TLS, on a connection of its own. */
export async function httpsStatus(url: string, client: ConnectionOptions): Promise<number | undefined> {
  const [response] = (await once(https.get(url, { ...client, agent: false }), "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

/** Waits until something is so; fails after a time that is far longer than it should take. */
export async function eventually(check: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const until = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`it did not come to be so within ${ms} ms: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const run = promisify(execFile);

/** The real curl; what it printed. `-s` and `-S` are given. */
export async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run("curl", ["-sS", ...args], { maxBuffer: 256 * 1024 * 1024 });
  return stdout;
}
