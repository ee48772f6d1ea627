import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.js", import.meta.url));

/** The ingestor as a process of its own, to be killed. */
export class ChildIngestors {
  readonly #env: Readonly<Record<string, string>>;
  readonly #dir: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(dir: string, env: Readonly<Record<string, string>>) {
    this.#dir = dir;
    this.#env = env;
  }

  /** With a configuration file of the text given. */
  static async create(yaml: string, env: Readonly<Record<string, string>>): Promise<ChildIngestors> {
    const dir = await mkdtemp(join(tmpdir(), "apispool-child-"));
    const file = join(dir, "apispool.yaml");
    await writeFile(file, yaml);
    return new ChildIngestors(dir, {
      LOG_LEVEL: "error",
      LOG_FORMAT: "json",
      INGESTOR_ADDRESS: "127.0.0.1:0",
      ...env,
      APISPOOL_CONFIG: file,
    });
  }

  start(): ChildProcess {
    const args = ["--disable-warning=TimeoutNegativeWarning", main];
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env["PATH"], ...this.#env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  async kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map(async (child) => this.kill(child)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}
