import { setTimeout as sleep } from "node:timers/promises";

/** Waits until something is so. Throws after the limit (milliseconds), with what was last known. */
export async function until(isSo: () => boolean | Promise<boolean>, known = "", limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it did not come to be: ${isSo.toString()} ${known}`);
    await sleep(20);
  }
}

/** Whether a process of that id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
