import { linePlot } from "../plot/lines.js";
import { type Goal, holds, under } from "../report/goal.js";
import { figure, whole } from "../report/section.js";
import type { Machine } from "../results.js";
import { picture } from "../report/docs.js";
import { table } from "../table.js";
import type { ClientCounts } from "./clients-main.js";
import type { Sample } from "./sample.js";
import { type Bound, type Series, lows, verdictOn } from "./verdict.js";

/** Everything at one moment. */
export interface Moment {
  /** Seconds since the start. */
  readonly at: number;
  readonly processes: Readonly<Record<string, Sample>>;
  /** Records that the API has, that are in Kafka, and that the live tails have not received of those; over all sources. */
  readonly made: number;
  readonly written: number;
  readonly lag: number;
}

export interface Soak {
  readonly bench: "soak";
  readonly begun: string;
  readonly machine: Machine;
  readonly minutes: number;
  /** Seconds in the beginning that do not count. */
  readonly warmUp: number;
  readonly perSecond: number;
  readonly bytes: number;
  readonly busyBefore: number;
  readonly moments: readonly Moment[];
  readonly clients: ClientCounts;
}

const megabytes: Bound = { most: 15, share: 0.1 };
const counts: Bound = { most: 4, share: 0.1 };

/** What of a process has to stay as it is. Kafka's memory and files are its own affair: Java takes what it is given, and the log grows and is cut. */
const watched: readonly {
  readonly key: keyof Sample;
  readonly what: string;
  readonly bound: Bound;
  readonly low: boolean;
  readonly kafka: boolean;
}[] = [
  { key: "rss", what: "resident memory, MB", bound: megabytes, low: false, kafka: false },
  { key: "heap", what: "heap in use (lows), MB", bound: megabytes, low: true, kafka: false },
  { key: "external", what: "outside the heap (lows), MB", bound: megabytes, low: true, kafka: false },
  { key: "sockets", what: "sockets", bound: counts, low: false, kafka: true },
  { key: "handles", what: "open files and sockets", bound: counts, low: false, kafka: false },
  { key: "resources", what: "Node's active resources", bound: counts, low: false, kafka: false },
  { key: "delayMean", what: "event-loop delay, mean, ms", bound: { most: 3, share: 0.25 }, low: false, kafka: false },
  { key: "delayP99", what: "event-loop delay, p99, ms", bound: { most: 15, share: 0.5 }, low: false, kafka: false },
];
const LOW_SECONDS = 30;
/** What the API has and is not in Kafka at the end, and what is and has not come to the live tails. */
const MOST_LAG_SECONDS = 5;

function seriesOf(soak: Soak, process: string, key: keyof Sample): Series {
  return soak.moments
    .filter(({ at }) => at >= soak.warmUp)
    .map(({ at, processes }) => [at, processes[process]?.[key] ?? Number.NaN] as const);
}

const processesOf = (soak: Soak): string[] => Object.keys(soak.moments[0]?.processes ?? {});

/** Each process's verdicts, and that everybody kept up. */
export function soakGoals(soak: Soak): Goal[] {
  return [...verdicts(soak).map(({ goal }) => goal), ...keepingUp(soak)];
}

function verdicts(soak: Soak) {
  return processesOf(soak).flatMap((process) =>
    watched
      .filter(({ kafka }) => kafka || process !== "kafka")
      .map(({ key, what, bound, low }) => {
        const series = seriesOf(soak, process, key);
        const verdict = verdictOn(low ? lows(series, LOW_SECONDS) : series, bound);
        const wanted = `grows by ${figure(verdict.allowed, 1)} at most`;
        return {
          process,
          what,
          verdict,
          goal: holds(`${process}: ${what}`, wanted, figure(verdict.growth, 1), verdict.flat),
        };
      }),
  );
}

function keepingUp({ moments, perSecond, clients }: Soak): Goal[] {
  const last = moments.at(-1);
  const failures = Object.entries(clients.failures).map(([what, times]) => `${what}: ${times}`);
  return [
    under("ingestion", ((last?.made ?? Number.NaN) - (last?.written ?? Number.NaN)) / perSecond, MOST_LAG_SECONDS, {
      digits: 1,
      unit: " s behind the API at the end",
    }),
    holds(
      "live tails",
      `at most ${MOST_LAG_SECONDS} s behind at the end`,
      `${whole(last?.lag ?? Number.NaN)} records behind`,
      (last?.lag ?? Number.POSITIVE_INFINITY) <= MOST_LAG_SECONDS * perSecond,
    ),
    holds("clients", "no failure", failures.length === 0 ? "none" : failures.join("; "), failures.length === 0),
  ];
}

/** For docs/performance.md. */
export function soakBlocks(soak: Soak): Readonly<Record<string, string>> {
  const { minutes, perSecond, bytes, clients, warmUp, busyBefore, begun, moments, machine } = soak;
  const last = moments.at(-1);
  const goals = keepingUp(soak);
  const text =
    `${begun.slice(0, 10)}, ${minutes} minutes on ${machine.cores} cores, of which other work took ${figure(busyBefore, 1)} before it began: ` +
    `${whole(perSecond)} records of ${bytes} bytes a second, ${whole(last?.written ?? 0)} in all; ${whole(clients.visits)} clients came and went. ` +
    `The first ${figure(warmUp / 60, 1)} minutes do not count. ` +
    goals.map(({ what, got, met }) => `${what}: ${got}${met ? "" : " (**missed**)"}`).join(". ");
  const lines = verdicts(soak).map(({ process, what, verdict }) => [
    process,
    what,
    figure(verdict.median, 1),
    figure(verdict.growth, 1),
    figure(verdict.allowed, 1),
    verdict.flat ? "flat" : "**grows**",
  ]);
  return {
    soak: [
      `${text}.`,
      ...["memory.svg", "delay.svg", "sockets.svg", "handles.svg"].map((file) => picture("Soak", `soak/${file}`)),
      table(["process", "what", "median", "grew by", "allowed", ""], lines),
      "More of them are in [docs/soak](soak).",
    ].join("\n\n"),
  };
}

/** By file name. */
export function soakPlots(soak: Soak): Readonly<Record<string, string>> {
  const lines = (key: keyof Sample, processes: readonly string[], most = 240) =>
    processes.map((name) => ({
      name,
      points: thinned(
        soak.moments.map(({ at, processes: all }) => [at / 60, all[name]?.[key] ?? Number.NaN] as const),
        most,
      ),
    }));
  const services = processesOf(soak).filter((name) => name !== "kafka");
  // Last, so that each service has one colour in all of them.
  const all = [...services, "kafka"];

  const plot = (title: string, drawn: ReturnType<typeof lines>): string =>
    linePlot({ title, x: "minutes", lines: drawn });
  return {
    "memory.svg": plot("Resident memory, MB", lines("rss", all)),
    "heap.svg": plot("V8's heap in use, MB", lines("heap", services)),
    "external.svg": plot("Memory outside of V8's heap, MB", lines("external", services)),
    "sockets.svg": plot("Open sockets", lines("sockets", all)),
    "handles.svg": plot("Node's active resources (timers, sockets, requests)", lines("resources", services)),
    "delay.svg": plot("Event-loop delay, 99th percentile, ms", lines("delayP99", services)),
    "lag.svg": plot("Records that the live tails have not received yet", [
      {
        name: "all sources",
        points: thinned(
          soak.moments.map(({ at, lag }) => [at / 60, lag] as const),
          240,
        ),
      },
    ]),
  };
}

/** So many points at most: each the median of some that follow each other. */
function thinned(points: Series, most: number): Series {
  const per = Math.ceil(points.length / most);
  return Array.from({ length: Math.ceil(points.length / per) }, (_, i) => {
    const some = points.slice(i * per, (i + 1) * per).toSorted(([, a], [, b]) => a - b);
    return [points[i * per]?.[0] ?? 0, some[Math.floor(some.length / 2)]?.[1] ?? Number.NaN] as const;
  });
}
