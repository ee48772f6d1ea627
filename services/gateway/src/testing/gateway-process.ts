import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { eventually } from "./harness.js";

/** A gateway as production runs it: a process of its own, with the flags that the launcher gives it; as is what is behind it. */
export class GatewayProcess {
  port = 0;
  readonly #fakes: ChildProcess;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(fakes: ChildProcess) {
    this.#fakes = fakes;
  }

  /** With a reader behind it that has so many records of 1 kB. */
  static async start(records: number, settings: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
    const fakes = fork(fileURLToPath(new URL("fakes-main.js", import.meta.url)), [String(records)], { execArgv: [] });
    const gateway = new GatewayProcess(fakes);
    const [addresses] = (await once(fakes, "message")) as [{ readerAddress: string; ingestorAddress: string }];
    const main = fileURLToPath(new URL("../main.js", import.meta.url));
    const flags = ["--enable-source-maps", "--max-semi-space-size=4", "--initial-old-space-size=64"];
    const child = spawn(process.execPath, [...flags, main], {
      env: {
        PORT: "0",
        LOG_FORMAT: "json",
        READER_ADDRESS: addresses.readerAddress,
        INGESTOR_ADDRESS: addresses.ingestorAddress,
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
    for (const child of [this.#child, this.#fakes]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const over = once(child, "exit");
      child.kill("SIGKILL");
      await over;
    }
  }
}
