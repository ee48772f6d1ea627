import { readFile } from "node:fs/promises";

/** The most resident memory a process ever had, in MiB (VmHWM); undefined where /proc does not tell. */
export async function peakMemoryMiB(pid: number): Promise<number | undefined> {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"));
    return match === null ? undefined : Number(match[1]) / 1024;
  } catch {
    return undefined;
  }
}
