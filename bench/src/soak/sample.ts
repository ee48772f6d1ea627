import { readdir, readlink } from "node:fs/promises";
import { usageOf } from "../usage.js";

/** What one process has at one moment. Memory in MB, delays in milliseconds; NaN where it does not tell. */
export interface Sample {
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
  readonly sockets: number;
  /** All that is open, sockets among it. */
  readonly handles: number;
  /** Node's active resources: timers, sockets, requests under way. */
  readonly resources: number;
  /** Since the sample before. */
  readonly delayMean: number;
  readonly delayP99: number;
  /** Seconds of processor time so far. */
  readonly cpu: number;
}

/** The services look at their event loop every so often, and what is told is from one look to the next. */
const PRECISION_MS = 100;

/** Looks at a process from outside and, where it has metrics, asks it. */
export async function sampleOf(pid: number, metricsAddress: string | undefined): Promise<Sample> {
  const [usage, open, metrics] = await Promise.all([usageOf(pid), openOf(pid), metricsAt(metricsAddress)]);
  const value = (name: string): number => metrics.get(name) ?? Number.NaN;
  const delay = (which: string): number =>
    Math.max(0, value(`nodejs_eventloop_lag_${which}_seconds`) * 1000 - PRECISION_MS);
  return {
    rss: usage?.memory ?? Number.NaN,
    cpu: usage?.cpu ?? Number.NaN,
    ...open,
    heap: value("nodejs_heap_size_used_bytes") / 1e6,
    external: value("nodejs_external_memory_bytes") / 1e6,
    resources: value("nodejs_active_resources_total"),
    delayMean: delay("mean"),
    delayP99: delay("p99"),
  };
}

/** By /proc: how many descriptors a process has open, and how many of them are sockets. */
async function openOf(pid: number): Promise<{ handles: number; sockets: number }> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(
    names.map(async (name) => await readlink(`/proc/${pid}/fd/${name}`).catch(() => "")),
  );
  return { handles: targets.length, sockets: targets.filter((target) => target.startsWith("socket:")).length };
}

async function metricsAt(address: string | undefined): Promise<ReadonlyMap<string, number>> {
  if (address === undefined) return new Map();
  const text = await fetch(`http://${address}/metrics`)
    .then(async (response) => await response.text())
    .catch(() => "");
  return metricsIn(text);
}

/** Metrics by name, those with labels summed up. */
export function metricsIn(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([A-Za-z_:][\w:]*)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (name !== undefined) values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}
