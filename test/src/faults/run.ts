import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { testLogs } from "../harness/paths.js";
import { Checker } from "./checker.js";
import { StuckCoordinators } from "./brokers/stuck-coordinator.js";
import type { Fault } from "./fault.js";
import { History } from "./history.js";
import { Nemesis, type Weather } from "./nemesis.js";
import { clientFaults, retentionFault, upstreamFaults } from "./other-faults.js";
import { processFaults } from "./process-faults.js";
import { type ProcessesOptions, startProcesses } from "./processes.js";
import { Surroundings } from "./network/surroundings.js";
import type { Finding } from "./rules/rule.js";
import { Upstreams } from "./upstreams.js";
import { Witness } from "./witness.js";
import { startWorkload } from "./workload.js";

/** In turn, with a calm behind each. */
const weathers: readonly Weather[] = [
  { forMs: 40_000, everyMs: 2200, most: 3 },
  { forMs: 45_000, everyMs: 5500, most: 1 },
];
/** How long it goes on undisturbed once all is well again. In milliseconds. */
const CALM_MS = 4000;
/** A hang is told after two minutes; nobody waits much longer. */
const CALM_LIMIT_MS = 130_000;

export interface FaultRunOptions {
  readonly seed: number;
  readonly forMs: number;
  /** Other weathers than the usual ones. */
  readonly weathers?: readonly Weather[];
  /** Only these processes are harmed; everything unless given. */
  readonly victims?: RegExp;
  /** Brokers, networks and clocks that can fail, too, with so many brokers. */
  readonly surroundings?: 1 | 3;
  /** Only these faults, by kind. */
  readonly kinds?: RegExp;
  /** Other weights than the faults' own, by kind. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly processes?: Partial<ProcessesOptions>;
  readonly say?: (text: string) => void;
  /** Goes on in spite of findings. */
  readonly keepGoing?: boolean;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

export interface FaultRun {
  readonly seed: number;
  readonly tookMs: number;
  readonly checker: Checker;
  readonly findings: readonly Finding[];
  readonly historyFile: string;
  readonly logFile: string;
  readonly faults: number;
}

/** Starts everything, harms it for a while, and holds what was seen against what is promised. Ends at the first finding. */
export async function runFaults(options: FaultRunOptions): Promise<FaultRun> {
  const { seed, forMs, say = () => undefined } = options;
  const began = performance.now();
  mkdirSync(testLogs, { recursive: true });
  const history = new History(join(testLogs, `faults-${seed}-${process.pid}.jsonl`));
  const checker = new Checker();
  const found = new AbortController();
  const signal = AbortSignal.any([found.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  history.onEvent((event) => {
    checker.see(event);
    if (checker.findings.length > 0 && options.keepGoing !== true) found.abort();
  });
  const upstreams = await Upstreams.start(history, seed);
  try {
    await using surroundings = await surroundingsOf(options, say);
    await using processes = await startProcesses({
      ...options.processes,
      ...(await behind(surroundings, upstreams)),
    });
    const { brokers, prefix, logFile } = processes;
    say(`the processes' log is ${logFile}, the history is ${history.file}`);
    await using witness = new Witness(brokers, prefix, upstreams, history);
    const workload = await startWorkload(processes, upstreams, history, seed);
    const all: readonly Fault[] = [
      ...processFaults(processes.all, options.victims),
      ...upstreamFaults(upstreams),
      ...clientFaults(workload.readers),
      retentionFault(brokers, prefix, witness, history),
      ...(surroundings?.faults() ?? []),
    ];
    const nemesis = new Nemesis(
      all
        .filter(({ kind }) => options.kinds?.test(kind) ?? true)
        .map((fault) => ({ ...fault, weight: options.weights?.[fault.kind] ?? fault.weight })),
      seed,
      history,
    );
    const kafka =
      surroundings === undefined
        ? undefined
        : new StuckCoordinators(history, surroundings.brokers, async (until) =>
            witness.unanswered(
              workload.readers.map(({ name }) => name),
              until,
            ),
          );
    /** Waits until all is well; what is not in time is a finding. */
    const calm = async (lastMs: number): Promise<void> => {
      if (!(await workload.calm())) history.add({ kind: "note", text: "not every source could be started" });
      history.add({ kind: "calm" });
      kafka?.begin();
      let end = performance.now() + CALM_LIMIT_MS;
      while (checker.progress.missing.length > 0 && performance.now() < end && !signal.aborted) {
        await sleep(50);
        if ((await kafka?.mend(signal)) === true) end = performance.now() + CALM_LIMIT_MS;
      }
      if (checker.progress.missing.length > 0) return;
      history.add({ kind: "recovered" });
      await sleep(lastMs, undefined, { signal }).catch(() => undefined);
    };
    const end = performance.now() + forMs;
    const turns = options.weathers ?? weathers;
    for (let turn = 0; performance.now() < end && !signal.aborted; turn += 1) {
      const weather = turns[turn % turns.length];
      if (weather === undefined) break;
      const left = end - performance.now();
      await nemesis.rage({ ...weather, forMs: Math.min(weather.forMs, left) }, signal);
      await calm(Math.min(CALM_MS, Math.max(0, end - performance.now())));
      const minutes = ((performance.now() - began) / 60_000).toFixed(1);
      say(
        `${minutes} min: ${nemesis.done} faults, ${checker.log.records} records, ${checker.findings.length} findings`,
      );
      history.add({ kind: "storm" });
      workload.resume();
    }
    if (!signal.aborted) {
      // Nothing new any more; what was said comes in, and is read.
      upstreams.stopGrowing();
      await sleep(1500);
      await calm(0);
      await sleep(1500);
      await calm(500);
    }
    await workload.stop();
    history.add({ kind: "settled" });
    if (!signal.aborted) checker.finish();
    return {
      seed,
      tookMs: performance.now() - began,
      checker,
      findings: checker.findings,
      historyFile: history.file,
      logFile,
      faults: nemesis.done,
    };
  } finally {
    history.close();
    await upstreams[Symbol.asyncDispose]();
  }
}

async function surroundingsOf(
  { seed, surroundings }: FaultRunOptions,
  say: (text: string) => void,
): Promise<Surroundings | undefined> {
  if (surroundings === undefined) return undefined;
  return Surroundings.start({
    brokers: surroundings,
    clients: ["ingestor-1", "ingestor-2", "reader-1", "reader-2"],
    logFile: join(testLogs, `faults-${seed}-${process.pid}-brokers.log`),
    say,
  });
}

/** Whom the processes are to talk to: where something is between, to that. */
async function behind(
  surroundings: Surroundings | undefined,
  upstreams: Upstreams,
): Promise<Pick<ProcessesOptions, "sources" | "kafka" | "between">> {
  const { sources, base } = upstreams;
  if (surroundings === undefined) return { sources };
  const address = await surroundings.service("ingestors", "upstream", new URL(base).host);
  const moved = JSON.stringify(sources).replaceAll(base, `http://${address}`);
  return {
    sources: JSON.parse(moved) as typeof sources,
    kafka: surroundings.brokers.direct,
    between: surroundings,
  };
}
