import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Which files there are: one that answers, and maybe one that is being built. */
export interface Generations {
  readonly current: number;
  readonly building: number | undefined;
}

const POINTER = "store.json";
const FILE = /^records-(\d+)\.db(-wal|-shm)?$/;

export function fileOf(folder: string, generation: number): string {
  return join(folder, `records-${generation}.db`);
}

/** Read for every piece of work, so that another process's rebuild is noticed. Throws as node:fs does. */
export function readGenerations(folder: string): Generations {
  const text = readFileSync(join(folder, POINTER), "utf8");
  const { current, building } = JSON.parse(text) as { readonly current?: unknown; readonly building?: unknown };
  if (typeof current !== "number") throw new Error(`${join(folder, POINTER)} names no file`);
  return { current, building: typeof building === "number" ? building : undefined };
}

/** Takes effect at once or not at all. */
export function writeGenerations(folder: string, generations: Generations): void {
  const file = join(folder, POINTER);
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(generations)}\n`, { flush: true });
  renameSync(partial, file);
}

/** Makes the folder and its pointer where they are not there. */
export function ensureGenerations(folder: string): Generations {
  mkdirSync(folder, { recursive: true });
  try {
    return readGenerations(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const first = { current: 1, building: undefined };
    writeGenerations(folder, first);
    return first;
  }
}

/** Removes the files of other generations. One that cannot be removed now goes with a later call. */
export function removeOthers(folder: string, { current, building }: Generations): void {
  for (const name of readdirSync(folder)) {
    const generation = Number(FILE.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(generation) || generation === current || generation === building) continue;
    try {
      rmSync(join(folder, name), { force: true });
    } catch {
      // Windows keeps what somebody has open.
    }
  }
}
