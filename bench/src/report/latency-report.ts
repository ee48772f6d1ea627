import { barPanels } from "../plot/bars.js";
import { table } from "../table.js";
import { type Goal, holds, under } from "./goal.js";
import { type Section, figure, whole } from "./section.js";

export interface LatencyRow {
  readonly followers: number;
  readonly perSecond: number;
  readonly written: number;
  /** Whether everyone got every record. */
  readonly whole: boolean;
  /** Milliseconds, of the oldest record of each message. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** From handing a record to the producer to Kafka's answer. */
  readonly kafkaP50: number;
  readonly deliveries: number;
  readonly megabytes: number;
  readonly perMessage: number;
  /** Of the reader, seconds of processor time for each second. */
  readonly cpu: number;
  readonly memory: number;
  /** Cores that other work took just before. */
  readonly busyBefore: number;
}

export interface LatencyFigures {
  readonly options: { readonly bytes: number; readonly seconds: number; readonly followers: number };
  readonly rows: readonly LatencyRow[];
}

/** In milliseconds, with one follower at 1,000 records a second (issue 5). */
const MOST_P50 = 5;
const MOST_P99 = 25;
/** In milliseconds, with many. */
export const MOST_P99_OF_MANY = 250;

/** Of many followers the lowest rate counts: the issue names none. */
export function latencyGoals({ rows }: LatencyFigures): Goal[] {
  return rows.flatMap((row, i) =>
    goalsOfRow(row, rows.findIndex(({ followers }) => followers === row.followers) === i),
  );
}

function goalsOfRow(row: LatencyRow, first: boolean): Goal[] {
  const { followers, p50, p99 } = row;
  const ms = { digits: 1, unit: " ms" };
  const everything = holds(
    `${described(row)}: records`,
    "every one to everybody",
    row.whole ? "so it was" : "not so",
    row.whole,
  );
  if (followers === 1) {
    return [
      under(`${described(row)}: median`, p50, MOST_P50, ms),
      under(`${described(row)}: p99`, p99, MOST_P99, ms),
      everything,
    ];
  }
  return first ? [under(`${described(row)}: p99`, p99, MOST_P99_OF_MANY, { ...ms, digits: 0 }), everything] : [];
}

function described({ followers, perSecond }: LatencyRow): string {
  return `${followers === 1 ? "1 follower" : `${whole(followers)} followers`}, ${whole(perSecond)} records/s`;
}

export function latencySection(figures: LatencyFigures): Section {
  const { rows } = figures;
  const isFirst = (row: LatencyRow): boolean => rows.find(({ followers }) => followers === row.followers) === row;
  const many = rows.filter(({ followers }) => followers > 1);
  return {
    title: "Live tails",
    goals: latencyGoals(figures),
    notMeasured: [],
    tables: {
      latency: table(
        [
          "followers",
          "records/s",
          "p50, ms",
          "p99, ms",
          "most, ms",
          "Kafka's own p50, ms",
          "deliveries/s",
          "reader's CPU",
          "peak memory, MB",
          "other work, cores",
        ],
        rows.map((row) => [
          whole(row.followers),
          whole(row.perSecond),
          figure(row.p50, 1),
          figure(row.p99, 1),
          figure(row.most, 0),
          figure(row.kafkaP50, 1),
          whole(row.deliveries),
          figure(row.cpu, 2),
          figure(row.memory, 0),
          figure(row.busyBefore, 1),
        ]),
      ),
    },
    summary: rows.map((row) => ({
      what: `append to receipt: ${described(row)}`,
      figure: `p50 ${figure(row.p50, 1)}, p99 ${figure(row.p99, 1)} ms`,
      ratio: `${figure(row.p50 / row.kafkaP50, 1)} × Kafka's acknowledgement`,
      memory: figure(row.memory, 0),
      goals: goalsOfRow(row, isFirst(row)),
    })),
    plots:
      many.length === 0
        ? {}
        : {
            "fan-out": barPanels({
              title: `From append to receipt by ${whole(many[0]?.followers ?? 0)} followers of one reader process, ms (less is better)`,
              panels: many.map((row) => ({
                title: `${whole(row.perSecond)} records/s: ${whole(row.deliveries)} deliveries/s`,
                bars: [
                  { name: "median", value: row.p50, label: figure(row.p50, 0), ours: true },
                  {
                    name: "99th percentile",
                    value: row.p99,
                    label: figure(row.p99, 0),
                    ours: true,
                    goal: MOST_P99_OF_MANY,
                  },
                ],
              })),
            }),
          },
  };
}
