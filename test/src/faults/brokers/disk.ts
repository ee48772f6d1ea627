import { mkdir, readFile, statfs } from "node:fs/promises";
import { runCommand } from "@apispool/launcher/command.js";

/** Much more than any run writes; memory is taken only for what is there. */
const ROOMY = "8g";
/** What is left when it is full, in bytes: less than a broker writes in a second. */
const LEFT = 64 * 1024;

/** A broker's disk, which can be full. */
export interface Disk extends AsyncDisposable {
  /** How it becomes full, for the output. */
  readonly means: string;
  /** Makes it full for a process. The function makes room again. */
  fill(pid: number): Promise<() => Promise<void>>;
}

/**
 * Makes a folder a disk of its own: a tmpfs where that may be mounted (as root). Elsewhere nothing is mounted, and a process is
 * kept from writing any further by a limit on the size of its files (`prlimit --fsize`), which ends with it.
 */
export async function makeDisk(folder: string): Promise<Disk> {
  await mkdir(folder, { recursive: true });
  const mounted = await runCommand("mount", ["-t", "tmpfs", "-o", `size=${ROOMY}`, mark(process.pid), folder]);
  return mounted.code === 0 ? new TmpfsDisk(folder) : new LimitedDisk(mounted.text.trim());
}

/** Takes down what runs that were killed have left mounted. */
export async function unmountLeftovers(): Promise<void> {
  const mounts = await readFile("/proc/mounts", "utf8").catch(() => "");
  for (const line of mounts.split("\n")) {
    const [source = "", folder = ""] = line.split(" ");
    const pid = /^apispool-faults-(\d+)$/.exec(source)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await runCommand("umount", ["-l", folder]);
  }
}

const mark = (pid: number): string => `apispool-faults-${pid}`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

class TmpfsDisk implements Disk {
  readonly means = "a tmpfs whose size is made that of what is in it";
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async fill(): Promise<() => Promise<void>> {
    // It goes on being written meanwhile: a size below what is there by then is refused.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const { blocks, bfree, bsize } = await statfs(this.#folder);
      const refusal = await this.#resize(String((blocks - bfree) * bsize + LEFT));
      if (refusal === undefined) return async () => must(await this.#resize(ROOMY));
    }
    throw new Error(`${this.#folder} could not be made full`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: a broker that is just being ended may have files open.
    await runCommand("umount", ["-l", this.#folder]);
  }

  /** Undefined, or why not. */
  async #resize(size: string): Promise<string | undefined> {
    const { code, text } = await runCommand("mount", ["-o", `remount,size=${size}`, this.#folder]);
    return code === 0 ? undefined : text;
  }
}

class LimitedDisk implements Disk {
  readonly means: string;

  constructor(because: string) {
    this.means = `a limit on the size of the broker's files, until it is started again (no tmpfs: ${because})`;
  }

  async fill(pid: number): Promise<() => Promise<void>> {
    const limit = async (size: string): Promise<string | undefined> => {
      const { code, text } = await runCommand("prlimit", ["--pid", String(pid), `--fsize=${size}:`]);
      return code === 0 ? undefined : text;
    };
    must(await limit("1"));
    // Whoever has died of it has no limit when it comes back.
    return async () => void (await limit("unlimited"));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function must(refusal: string | undefined): void {
  if (refusal !== undefined) throw new Error(`a disk could not be resized: ${refusal}`);
}
