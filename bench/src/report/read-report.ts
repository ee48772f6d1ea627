import type { BenchOptions } from "../options.js";
import { barPanels } from "../plot/bars.js";
import { type Row, rateOf } from "../read/read-table.js";
import { type Shape, describeShape } from "../read/shape.js";
import { table } from "../table.js";
import { type Goal, atLeast, under } from "./goal.js";
import { type Section, figure, whole } from "./section.js";

export interface ReadFigures {
  readonly options: BenchOptions;
  readonly results: readonly (Shape & { readonly rows: readonly Row[] })[];
  readonly notMeasured: readonly string[];
}

/** Of what Kafka's own tool reads a second, by measurement (issue 5). */
const LEAST_OF_JAVA: Readonly<Record<string, number>> = { grpcReader: 1, grpcGateway: 0.7, ndjson: 0.5 };
/** What each service may have, in MB, however many records are read. */
const MOST_MEMORY = 200;

const rateIn = (rows: readonly Row[], key: string): number => rateOf(rows.find((row) => row.key === key)?.rounds ?? []);

export function readGoals(figures: ReadFigures): Goal[] {
  return figures.results.flatMap((shape) => [...shape.rows.flatMap((row) => goalsOfRow(shape, row)), ...memory(shape)]);
}

function goalsOfRow(shape: ReadFigures["results"][number], { key, name }: Row): Goal[] {
  const least = LEAST_OF_JAVA[key];
  const java = rateIn(shape.rows, "java");
  if (least === undefined || Number.isNaN(java)) return [];
  return [atLeast(`${name}: ${short(shape)}`, rateIn(shape.rows, key) / java, least, { unit: " × Java" })];
}

/** The most that a service had when it had given its records as NDJSON. */
function memory(shape: ReadFigures["results"][number]): Goal[] {
  const last = shape.rows.find(({ key }) => key === "ndjson")?.rounds.at(-1);
  return Object.entries(last?.memory ?? {}).map(([process, peak]) =>
    under(`memory of the ${process}: ${short(shape)}`, peak, MOST_MEMORY, { digits: 0, unit: " MB" }),
  );
}

function short({ bytes, partitions }: Shape): string {
  return `${bytes} bytes, ${partitions === 1 ? "1 partition" : `${partitions} partitions`}`;
}

export function readSection(figures: ReadFigures): Section {
  const { results } = figures;
  const names = new Map(results.flatMap(({ rows }) => rows.map(({ key, name }) => [key, name] as const)));
  const lines = [...names].map(([key, name]) => [
    name,
    ...results.map(({ rows }) => {
      const rate = rateIn(rows, key);
      return Number.isNaN(rate) ? "–" : `${figure(rate / rateIn(rows, "java"), 2)} (${whole(rate)}/s)`;
    }),
    peaks(results.flatMap(({ rows }) => rows.filter((row) => row.key === key))),
  ]);
  return {
    title: "Read",
    goals: readGoals(figures),
    notMeasured: figures.notMeasured,
    tables: { read: table(["", ...results.map(short), "peak memory, MB"], lines) },
    summary: results.flatMap((shape) =>
      shape.rows.map((row) => {
        const rate = rateOf(row.rounds);
        return {
          what: `${row.name}: ${short(shape)}`,
          figure: `${whole(rate)}/s`,
          ratio: `${figure(rate / rateIn(shape.rows, "java"), 2)} × Java, ${figure(rate / rateIn(shape.rows, "kafkajs"), 2)} × kafkajs`,
          memory: peaks([row]),
          goals: goalsOfRow(shape, row),
        };
      }),
    ),
    plots: {
      read: barPanels({
        title: "Reading a full topic, records a second (more is better)",
        panels: results.map((shape) => ({
          title: describeShape(shape),
          bars: shape.rows.map((row) => ({
            name: row.name,
            value: rateOf(row.rounds),
            label: `${whole(rateOf(row.rounds))}  ×${figure(rateOf(row.rounds) / rateIn(shape.rows, "java"), 2)}`,
            ours: row.ours,
            goal: (LEAST_OF_JAVA[row.key] ?? Number.NaN) * rateIn(shape.rows, "java"),
          })),
        })),
      }),
    },
  };
}

/** Of a peer its own; of Apispool the reader's, and where it was used the gateway's. */
function peaks(rows: readonly Row[]): string {
  const most = (process: string): number =>
    Math.max(...rows.flatMap(({ rounds }) => rounds.map((round) => round.memory[process] ?? Number.NaN)));
  const [first] = rows;
  if (first === undefined) return "–";
  if (!first.ours) return figure(most("itself"), 0);
  return first.key === "grpcReader"
    ? figure(most("reader"), 0)
    : `${figure(most("reader"), 0)} + ${figure(most("gateway"), 0)}`;
}
