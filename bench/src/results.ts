import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { resultsDir } from "./test-bed.js";

/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** Below which so great a share of the values is. NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** In GB. */
  readonly memory: number;
  readonly node: string;
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 1e9),
    node: process.version,
  };
}

/** Keeps a run's figures as JSON, with where and when they were taken; gives the file's name. */
export async function writeResults(bench: string, figures: object): Promise<string> {
  const at = new Date().toISOString();
  await mkdir(resultsDir, { recursive: true });
  const file = join(resultsDir, `${bench}-${at.replaceAll(":", "-")}.json`);
  await writeFile(file, `${JSON.stringify({ bench, at, machine: thisMachine(), ...figures }, undefined, 2)}\n`);
  return file;
}
