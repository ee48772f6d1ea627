import { rivals } from "../ingest/rivals.js";
import type { Quiet } from "../ingest/quiet.js";
import { barPanels } from "../plot/bars.js";
import { median } from "../results.js";
import { table } from "../table.js";
import { type Goal, atLeast, holds, under } from "./goal.js";
import { ingestNames } from "./ingest-names.js";
import { type Section, type SummaryLine, figure, whole } from "./section.js";

export interface IngestRow {
  readonly name: string;
  readonly seconds: number[];
  /** The most that the process ever had, in MB; undefined where it was not looked at. */
  memory: number | undefined;
  /** Processor time; a process's start is in it, of which the ingestor takes about a second. */
  readonly cpu: number[];
}

export interface IngestFigures {
  readonly options: { readonly records: number; readonly bytes: number; readonly rounds: number };
  readonly rows: readonly IngestRow[];
  readonly quiet?: Quiet;
  readonly notMeasured: readonly string[];
}

/** Of what kafkajs does from memory (issue 4). */
const LEAST_RATIO = 0.9;
/** In MB, with a thousand sources. */
const MOST_MEMORY = 512;
/** What a poll may be late, in milliseconds: the interval of the thousand sources. */
const MOST_LATE = 10_000;

const { kafkajs, pages, lines, java } = ingestNames;
const isOurs = (name: string): boolean => name === pages || name === lines;

function timeOf({ rows }: IngestFigures, name: string): number {
  return median(rows.find((row) => row.name === name)?.seconds ?? []);
}

export function ingestGoals(figures: IngestFigures): Goal[] {
  const { rows, quiet } = figures;
  return [
    ...rows.filter(({ name }) => isOurs(name)).flatMap(({ name }) => goalsOf(figures, name)),
    ...(quiet === undefined ? [] : quietGoals(quiet)),
  ];
}

/** Ahead of kafkajs by so much, and of every program that does the same with the same API. */
function goalsOf(figures: IngestFigures, ours: string): Goal[] {
  const shape = ours === pages ? "pages" : "lines";
  const ahead = rivals
    .filter((rival) => rival.shape === shape && figures.rows.some(({ name }) => name === rival.name))
    .map(({ name }) =>
      atLeast(ours, timeOf(figures, name) / timeOf(figures, ours), 1, { unit: ` × ${name.replace(/, .*,/, ",")}` }),
    );
  return [
    atLeast(ours, timeOf(figures, kafkajs) / timeOf(figures, ours), LEAST_RATIO, { unit: " × kafkajs" }),
    ...ahead,
  ];
}

function quietGoals(quiet: Quiet): Goal[] {
  const what = `${whole(quiet.sources)} sources that never change`;
  return [
    under(`${what}: memory`, quiet.peakMemory, MOST_MEMORY, { digits: 0, unit: " MB" }),
    under(`${what}: latest poll`, quiet.lateness.most, MOST_LATE, { digits: 0, unit: " ms late" }),
    holds(
      `${what}: requests and records`,
      "one conditional request an interval, no record",
      quiet.problems.length === 0 ? "so it was" : quiet.problems.join("; "),
      quiet.problems.length === 0,
    ),
  ];
}

export function ingestSection(figures: IngestFigures): Section {
  const { rows, quiet, options } = figures;
  const rate = (name: string): number => options.records / timeOf(figures, name);
  const against = (peer: string, name: string): number => timeOf(figures, peer) / timeOf(figures, name);
  return {
    title: "Ingest",
    goals: ingestGoals(figures),
    notMeasured: figures.notMeasured,
    tables: {
      ...(rows.length === 0
        ? {}
        : {
            ingest: table(
              ["", "× kafkajs", "records/s", "MB/s", "seconds", "peak memory, MB", "CPU, s"],
              rows.map(({ name, memory, cpu }) => [
                name,
                figure(against(kafkajs, name), 2),
                whole(rate(name)),
                figure((rate(name) * options.bytes) / 1e6, 1),
                figure(timeOf(figures, name), 2),
                figure(memory, 0),
                figure(median(cpu), 1),
              ]),
            ),
          }),
      ...(quiet === undefined ? {} : { sources: quietTable(quiet) }),
    },
    summary: [
      ...rows.map(({ name, memory }): SummaryLine => ({
        what: name,
        figure: `${whole(rate(name))}/s`,
        ratio: `${figure(against(kafkajs, name), 2)} × kafkajs, ${figure(against(java, name), 2)} × Java`,
        memory: figure(memory, 0),
        goals: isOurs(name) ? goalsOf(figures, name) : [],
      })),
      ...(quiet === undefined
        ? []
        : [
            {
              what: `${whole(quiet.sources)} sources that never change`,
              figure: `${quiet.requests} requests in ${quiet.seconds.toFixed(0)} s`,
              memory: figure(quiet.peakMemory, 0),
              goals: quietGoals(quiet),
            },
          ]),
    ],
    plots:
      rows.length === 0
        ? {}
        : {
            ingest: barPanels({
              title: "An HTTP API into Kafka, records a second (more is better)",
              panels: [
                {
                  title: `${whole(options.records)} records of ${options.bytes} bytes`,
                  bars: rows.map(({ name }) => ({
                    name,
                    value: rate(name),
                    label: `${whole(rate(name))}  ×${figure(against(kafkajs, name), 2)}`,
                    ours: isOurs(name),
                  })),
                },
                {
                  title: "Peak memory, MB (less is better)",
                  bars: rows
                    .filter(({ memory }) => memory !== undefined && memory !== null)
                    .map(({ name, memory = 0 }) => ({
                      name,
                      value: memory,
                      label: figure(memory, 0),
                      ours: isOurs(name),
                    })),
                },
              ],
            }),
          },
  };
}

function quietTable({ sources, seconds, requests, peakMemory, cpu, lateness, records }: Quiet): string {
  return table(
    [
      "sources",
      "seconds",
      "requests",
      "records in all",
      "late: median, ms",
      "p99, ms",
      "most, ms",
      "memory, MB",
      "of a core",
    ],
    [
      [
        whole(sources),
        figure(seconds, 0),
        whole(requests),
        whole(records),
        ...[lateness.median, lateness.p99, lateness.most].map((ms) => figure(ms, 0)),
        figure(peakMemory, 0),
        `${figure(cpu * 100, 0)} %`,
      ],
    ],
  );
}
