import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How many of the machine's cores are busy, looked at for a second. Asked while the benchmark itself does nothing, it
 * tells what others do meanwhile, without which no latency means anything. NaN where there is no /proc to tell.
 */
export async function busyCores(): Promise<number> {
  try {
    const before = await busyTicks();
    const from = performance.now();
    await sleep(1000);
    const ticks = (await busyTicks()) - before;
    return ticks / ((performance.now() - from) / 10);
  } catch {
    return Number.NaN;
  }
}

/** Hundredths of a second that all cores together have worked. */
async function busyTicks(): Promise<number> {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    (await readFile("/proc/stat", "utf8")).split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .map(Number);
  return user + nice + system + irq + softirq;
}
