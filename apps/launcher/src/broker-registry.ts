import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLine } from "./process-table.js";

/** A local broker that somebody started, and who that was. */
interface Entry {
  readonly brokerPid: number;
  readonly ownerPid: number;
  /** The owner's command line: another process may have its id by now. */
  readonly owner: string;
  /** The broker's folder; its command line carries it. */
  readonly dir: string;
}

/** What a broker's command line has in it, by which it is known again. */
export const brokerMark = (dir: string): string => `-Dapispool.dir=${dir}`;

/** Another launcher that is alive uses the folder. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
}

/**
 * Who started which local broker. Node services notice when their launcher is gone, a Java process does not: a broker
 * whose owner was killed stays behind, and is stopped by whoever comes next.
 */
export class BrokerRegistry {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #fileFor(dir: string): string {
    return join(this.#folder, `${createHash("sha256").update(dir).digest("hex").slice(0, 16)}.json`);
  }

  /** Notes a broker of this process. Synchronous, so that there is no moment at which it is unknown. */
  note(dir: string, brokerPid: number, owner: string): void {
    mkdirSync(this.#folder, { recursive: true });
    const entry: Entry = { brokerPid, ownerPid: process.pid, owner, dir };
    writeFileSync(this.#fileFor(dir), JSON.stringify(entry));
  }

  /**
   * Stops every broker whose owner is gone. Throws {@link FolderInUseError} when a living owner uses `dir`.
   */
  async stopOrphans(dir: string, say: (text: string) => void): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      const file = join(this.#folder, name);
      const entry = await readEntry(file);
      if (entry !== undefined && (await isOrphanOrDead(entry, dir))) await stopBroker(entry, say);
      else if (entry !== undefined) continue;
      await rm(file, { force: true });
    }
  }
}

async function readEntry(file: string): Promise<Entry | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Entry;
  } catch {
    return undefined;
  }
}

async function isOrphanOrDead(entry: Entry, dir: string): Promise<boolean> {
  const ownerLives = (await commandLine(entry.ownerPid)) === entry.owner;
  const brokerLives = await isOurBroker(entry);
  if (!ownerLives || !brokerLives) return true;
  if (entry.dir === dir && entry.ownerPid !== process.pid) {
    throw new FolderInUseError(
      `Apispool is already running in this folder (pid ${entry.ownerPid}): stop that one first, or use a second clone`,
    );
  }
  return false;
}

async function isOurBroker({ brokerPid, dir }: Entry): Promise<boolean> {
  return (await commandLine(brokerPid))?.includes(brokerMark(dir)) === true;
}

/** SIGTERM, then SIGKILL after 8 s; returns when it is gone. */
async function stopBroker(entry: Entry, say: (text: string) => void): Promise<void> {
  if (!(await isOurBroker(entry))) return;
  say(`stopping a Kafka that an earlier run left behind (pid ${entry.brokerPid})`);
  const end = performance.now() + 8000;
  let signal: NodeJS.Signals = "SIGTERM";
  while (await isOurBroker(entry)) {
    try {
      process.kill(entry.brokerPid, signal);
    } catch {
      return;
    }
    await sleep(100);
    if (performance.now() > end) signal = "SIGKILL";
  }
}
