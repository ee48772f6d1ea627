import { readFile } from "node:fs/promises";

/** What a process has used so far. */
export interface Usage {
  /** The most resident memory that it ever had (VmHWM), in MB: a million bytes. */
  readonly peakMemory: number;
  /** What it has now (VmRSS), in MB. */
  readonly memory: number;
  /** Processor time, in seconds; other than elapsed time it hardly depends on what else the machine does. */
  readonly cpu: number;
}

/** By the process's name; empty where there is no /proc to tell. */
export type Usages = Readonly<Record<string, Usage>>;

/** Clock ticks a second, the unit of /proc/…/stat: 100 on every Linux that Node runs on. */
const TICKS = 100;

/** What a process has used so far; undefined where there is no /proc to tell. */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const megabytes = (line: RegExp): number => (Number(line.exec(status)?.[1]) * 1024) / 1e6;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which is in brackets and may contain anything: utime and stime are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      peakMemory: megabytes(/VmHWM:\s+(\d+) kB/),
      memory: megabytes(/VmRSS:\s+(\d+) kB/),
      cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    };
  } catch {
    return undefined;
  }
}
