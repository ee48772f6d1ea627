import { barPanels } from "../plot/bars.js";
import { table } from "../table.js";
import { type Goal, atLeast, under } from "./goal.js";
import { type Section, figure, whole } from "./section.js";

export interface QueryLatency {
  readonly what: string;
  /** In milliseconds, at a gRPC client. */
  readonly p50: number;
  readonly p99: number;
  /** The goal for the 99th percentile (issue 7); absent: none was set. */
  readonly goal?: number;
}

export interface StoreFigures {
  readonly records: number;
  readonly bytes: number;
  /** Records a second: the same rows into the same schema by the same transactions, in one thread and with no Kafka. */
  readonly plain: number;
  /** Records a second from Kafka into the store. */
  readonly projected: number;
  /** The most memory that the store ever had, in MB: after the projection, and after the queries. */
  readonly memory: { readonly projected: number; readonly queried: number };
  /** Processor seconds of the projection. */
  readonly cpu: number;
  readonly queries: readonly QueryLatency[];
}

const LEAST_RATIO = 0.5;
/** In MB (issue 7). */
const MOST_MEMORY = 256;

const ratioGoal = ({ plain, projected }: StoreFigures): Goal =>
  atLeast("records projected, of what a plain bulk insert does", projected / plain, LEAST_RATIO);

const memoryGoal = ({ memory }: StoreFigures): Goal =>
  under("memory of the store", memory.queried, MOST_MEMORY, { digits: 0, unit: " MB" });

const latencyGoals = ({ what, p99, goal }: QueryLatency): Goal[] =>
  goal === undefined ? [] : [under(`${what}, 99 %`, p99, goal, { digits: 1, unit: " ms" })];

export function storeGoals(figures: StoreFigures): Goal[] {
  return [ratioGoal(figures), memoryGoal(figures), ...figures.queries.flatMap(latencyGoals)];
}

export function storeSection(figures: StoreFigures): Section {
  const { records, bytes, plain, projected, memory, cpu, queries } = figures;
  return {
    title: "The store",
    goals: storeGoals(figures),
    notMeasured: [],
    tables: {
      store: table(
        ["", "records/s", "ratio"],
        [
          [`plain bulk insert of ${whole(records)} records of ${bytes} bytes`, whole(plain), "1.00"],
          ["from Kafka into the store", whole(projected), figure(projected / plain, 2)],
        ],
      ),
      "store-queries": table(
        ["question", "median, ms", "p99, ms"],
        queries.map(({ what, p50, p99 }) => [what, figure(p50, 2), figure(p99, 2)]),
      ),
      "store-usage": table(
        ["", ""],
        [
          ["peak memory while it projects", `${figure(memory.projected, 0)} MB`],
          ["peak memory after the questions", `${figure(memory.queried, 0)} MB`],
          ["processor time of the projection", `${figure(cpu, 1)} s`],
        ],
      ),
    },
    summary: [
      {
        what: `${whole(records)} records into the store`,
        figure: `${whole(projected)}/s`,
        ratio: `${figure(projected / plain, 2)} × plain insert`,
        memory: figure(memory.queried, 0),
        goals: [ratioGoal(figures), memoryGoal(figures)],
      },
      ...queries.map((query) => ({
        what: `store: ${query.what}`,
        figure: `${figure(query.p50, 1)} ms, p99 ${figure(query.p99, 1)} ms`,
        goals: latencyGoals(query),
      })),
    ],
    plots: {
      store: barPanels({
        title: `Questions to ${whole(records)} records in SQLite, 99th percentile, ms (less is better)`,
        panels: [
          {
            title: "",
            bars: queries.map(({ what, p99 }) => ({ name: what, value: p99, label: figure(p99, 1), ours: true })),
          },
        ],
      }),
    },
  };
}
