import { computed, signal } from "@preact/signals";
import type { SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { count } from "../logic/format.js";
import { KeptStream, type StreamState } from "../logic/keep-open.js";
import { isConnectionLost } from "../logic/problem.js";
import { Throughput } from "../logic/throughput.js";
import { worker } from "./clients.js";
import { now, visible } from "./clock.js";
import { checkLink, onLink } from "./link.js";
import { say, sayProblem } from "./messages.js";

/** Every source by its name, as WatchStatus told it last; undefined before its first answer. */
export const statuses = signal<ReadonlyMap<string, SourceStatus> | undefined>(undefined);
export const watchState = signal<StreamState>({ kind: "open" });
export const sourceNames = computed(() => [...(statuses.value?.keys() ?? [])]);

/** Sources that a start or stop is under way for. */
export const pending = signal<ReadonlySet<string>>(new Set());

export const throughput = new Throughput();
/** Rises whenever {@link throughput} has changed. */
export const throughputVersion = signal(0);

let stream: KeptStream | undefined;
/** The first message of a connection names every source: those that it does not name are gone. */
let isFirst = true;

export function watchSources(): void {
  onLink({ lost: () => stream?.restart(), found: () => stream?.retry() });
  visible.subscribe((seen) => (seen ? open() : close()));
  now.subscribe((time) => {
    throughput.advance(time, watchState.peek().kind === "open" && !isFirst);
    throughputVersion.value += 1;
  });
}

function open(): void {
  stream ??= KeptStream.of({
    open(signal) {
      isFirst = true;
      return worker.watchStatus({}, { signal });
    },
    onMessage({ sources }) {
      take(sources, isFirst);
      isFirst = false;
    },
    onState(state) {
      watchState.value = state;
      if (state.kind === "open") return;
      throughput.interrupt();
      if (state.kind === "waiting" && isConnectionLost(state.error)) checkLink();
    },
  });
}

/** A hidden page holds none of the few connections that a browser allows to one address. */
function close(): void {
  stream?.close();
  stream = undefined;
}

function take(sources: readonly SourceStatus[], all: boolean): void {
  const next = new Map(all ? [] : statuses.value);
  const time = Date.now();
  for (const status of sources) {
    next.set(status.source, status);
    throughput.take(status.source, status.recordsTotal, time);
  }
  const names = [...next.keys()].sort();
  statuses.value = new Map(names.flatMap((name) => entry(next, name)));
  throughputVersion.value += 1;
}

function entry<V>(map: ReadonlyMap<string, V>, name: string): [string, V][] {
  const value = map.get(name);
  return value === undefined ? [] : [[name, value]];
}

/** Starts or stops sources, all where none is named, and says what came of it. */
export async function command(what: "start" | "stop", sources: readonly string[]): Promise<void> {
  const names = sources.length === 0 ? sourceNames.value : sources;
  if (names.some((name) => pending.value.has(name))) return;
  pending.value = new Set([...pending.value, ...names]);
  const verb = what === "start" ? "Start" : "Stop";
  try {
    const answer = await worker[what]({ sources: [...sources] }, { timeoutMs: 60_000 });
    take(answer.sources, false);
    const changed = answer.sources.filter((status) => status.changed).map(({ source }) => source);
    const done = what === "start" ? "started" : "stopped";
    if (changed.length === 0) say("good", `Nothing to do: ${done} already.`);
    else if (changed.length === 1) say("good", `${changed[0] ?? ""} is ${done}.`);
    else say("good", `${count(changed.length)} sources are ${done}.`);
  } catch (error) {
    sayProblem(`${verb} failed`, error);
  } finally {
    pending.value = new Set([...pending.value].filter((name) => !names.includes(name)));
  }
}
