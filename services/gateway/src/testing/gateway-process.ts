import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FakeIngestor, FakeReader } from "./fake-upstreams.js";
import { eventually } from "./harness.js";

/** A gateway as production runs it: a process of its own, with the flags that the launcher gives it. */
export class GatewayProcess {
  readonly reader = new FakeReader();
  readonly ingestor = new FakeIngestor();
  port = 0;
  #child: ChildProcess | undefined;
  #output = "";

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
    const gateway = new GatewayProcess();
    const [reader, ingestor] = await Promise.all([gateway.reader.start(), gateway.ingestor.start()]);
    const main = fileURLToPath(new URL("../main.js", import.meta.url));
    const flags = ["--enable-source-maps", "--max-semi-space-size=4", "--initial-old-space-size=64"];
    const more = (process.env["APISPOOL_TEST_NODE_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
    const child = spawn(process.execPath, [...flags, ...more, main], {
      env: {
        PORT: "0",
        LOG_FORMAT: "json",
        READER_ADDRESS: reader,
        INGESTOR_ADDRESS: ingestor,
        NODE_ENV: "production",
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => void (gateway.#output = (gateway.#output + chunk.toString()).slice(-20_000));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    gateway.#child = child;
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`the gateway ended: ${gateway.#output}`);
      gateway.port = Number(/listening on [^ ]*:(\d+)/.exec(gateway.#output)?.[1] ?? 0);
      return gateway.port > 0;
    });
    await eventually(async () => (await fetch(`${gateway.url}/readyz`)).status === 200);
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it has logged. */
  get output(): string {
    return this.#output;
  }

  /** The most memory that it ever had, in bytes (VmHWM of Linux); undefined elsewhere. */
  get peakBytes(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid ?? 0}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024;
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const over = once(child, "exit");
      // SIGTERM lets a profile be written.
      child.kill(process.env["APISPOOL_TEST_NODE_FLAGS"] === undefined ? "SIGKILL" : "SIGTERM");
      await over;
    }
    await Promise.all([this.reader.stop(), this.ingestor.stop()]);
  }
}
