import { readFile } from "node:fs/promises";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import { relative } from "node:path";
import { root } from "../test-bed.js";
import { table } from "../table.js";

/** What Node writes with --cpu-prof (Chrome DevTools Protocol, Profiler.Profile). Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      /** From 0. */
      readonly lineNumber: number;
      readonly columnNumber: number;
    };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const TOP = 25;
/** V8 calls so what is no work. */
const WAITING = new Set(["(idle)", "(program)", "(root)"]);

export interface Self {
  readonly name: string;
  readonly url: string;
  readonly line: number;
  readonly column: number;
  /** In microseconds. */
  us: number;
}

/** The time that each function spent in itself, most first. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Self[] {
  const byNode = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const functions = new Map<string, Self>();
  for (const [i, sample] of samples.entries()) {
    const frame = byNode.get(sample);
    if (frame === undefined) continue;
    const { functionName, url, lineNumber, columnNumber } = frame;
    const key = `${functionName}\n${url}\n${lineNumber}\n${columnNumber}`;
    const one = functions.get(key) ?? { name: functionName, url, line: lineNumber, column: columnNumber, us: 0 };
    functions.set(key, one);
    // A delta says how long after the sample before this one was taken: that long the one before lasted.
    one.us += timeDeltas[i + 1] ?? 0;
  }
  return [...functions.values()].toSorted((a, b) => b.us - a.us);
}

/** Where the time went, as a Markdown table: the share of what the process worked, waiting left out. */
export async function profileTable(profile: CpuProfile): Promise<string> {
  const all = selfTimes(profile);
  const sum = (some: readonly Self[]): number => some.reduce((total, { us }) => total + us, 0);
  const working = all.filter(({ name }) => !WAITING.has(name));
  const busy = sum(working);
  const places = await Promise.all(working.slice(0, TOP).map(placeOf));
  const lines = working
    .slice(0, TOP)
    .map(({ name, us }, i) => [
      name === "" ? "(anonymous)" : name,
      places[i] ?? "",
      `${((us / busy) * 100).toFixed(1)} %`,
      (us / 1000).toFixed(0),
    ]);
  const seconds = (us: number): string => (us / 1e6).toFixed(1);
  return `${table(["function", "where", "self", "ms"], lines)}\n\nIt worked ${seconds(busy)} s of ${seconds(sum(all))} s; its start is in it.`;
}

/** In the source that it was made from, where there is a map. */
async function placeOf({ url, line, column }: Self): Promise<string> {
  if (!url.startsWith("file:")) return url === "" ? "" : `${url}:${line + 1}`;
  const file = fileURLToPath(url);
  const shown = (path: string, at: number): string => `${relative(root, path)}:${at + 1}`;
  try {
    const map = new SourceMap(JSON.parse(await readFile(`${file}.map`, "utf8")) as SourceMapPayload);
    const entry = map.findEntry(line, column);
    if ("originalSource" in entry) {
      const source = new URL(entry.originalSource, `${url}.map`);
      return shown(fileURLToPath(source), entry.originalLine);
    }
  } catch {
    // It has none.
  }
  return shown(file, line);
}
