import { readFile, readdir, readlink } from "node:fs/promises";
import { runCommand } from "./command.js";
import { commandLine } from "./process-table.js";

/** Who listens on a port. */
export interface PortOwner {
  readonly pid: number;
  readonly command: string;
}

/** Finds out who listens on a TCP port; undefined when nobody does, or when it is not ours to know (another user's). */
export async function portOwner(port: number): Promise<PortOwner | undefined> {
  const pid = process.platform === "linux" ? await listenerByProc(port) : await listenerByLsof(port);
  if (pid === undefined) return undefined;
  return { pid, command: (await commandLine(pid)) ?? "unknown" };
}

async function listenerByProc(port: number): Promise<number | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const rows = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const row of rows) {
      const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
      // 0A is LISTEN.
      if (state === "0A" && Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16) === port) {
        inodes.add(`socket:[${inode}]`);
      }
    }
  }
  if (inodes.size === 0) return undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    const links = await readdir(folder).catch(() => []);
    for (const link of links) {
      if (inodes.has(await readlink(`${folder}/${link}`).catch(() => ""))) return Number(pid);
    }
  }
  return undefined;
}

async function listenerByLsof(port: number): Promise<number | undefined> {
  const { text } = await runCommand("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fp"]);
  const pid = /^p(\d+)$/m.exec(text)?.[1];
  return pid === undefined ? undefined : Number(pid);
}
