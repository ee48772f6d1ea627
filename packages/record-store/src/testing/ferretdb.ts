import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const tool = join(import.meta.dirname, "..", "..", "..", "..", "tools", "ferretdb.mjs");

/**
 * The program of tools/ferretdb.mjs; undefined where it has not been built, and that is said. With APISPOOL_TEST_MONGO=1 it is built
 * where it is not there (minutes, and Go), and a failure is one of the tests.
 */
export async function ferretdbProgram(): Promise<string | undefined> {
  const { ferretdbPath } = (await import(tool)) as { readonly ferretdbPath: () => string };
  const program = ferretdbPath();
  if (existsSync(program)) return program;
  if (process.env["APISPOOL_TEST_MONGO"] === "1") {
    execFileSync(process.execPath, [tool], { stdio: ["ignore", "ignore", "inherit"] });
    return program;
  }
  process.stderr.write(
    "FerretDB is not built, so the MongoDB store is not tested: npm run ferretdb, or APISPOOL_TEST_MONGO=1\n",
  );
  return undefined;
}

/** A server of MongoDB's protocol with a folder of its own. It can be killed and started again at the same address. */
export class Ferretdb {
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "apispool-ferretdb-"));
  #process: ChildProcess | undefined;
  #uri = "";

  constructor(program: string) {
    this.#program = program;
  }

  /** mongodb://…, the same after it was killed and started again. */
  get uri(): string {
    return this.#uri;
  }

  async start(): Promise<void> {
    const listen = this.#uri === "" ? "127.0.0.1:0" : new URL(this.#uri).host;
    const child = spawn(this.#program, ["-folder", this.#folder, "-listen", listen], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    const [first] = (await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => Promise.reject(new Error("FerretDB ended before it listened"))),
    ])) as [Buffer];
    this.#uri = first.toString().trim();
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
