import { barPanels } from "../plot/bars.js";
import { table } from "../table.js";
import { type Goal, under } from "./goal.js";
import { type Section, figure } from "./section.js";

export interface LargeFigures {
  readonly options: { readonly records: number; readonly bytes: number };
  readonly rows: readonly {
    readonly format: string;
    readonly records: number;
    /** Of the answer, in MB. */
    readonly megabytes: number;
    readonly seconds: number;
    /** The most that the ingestor ever had, in MB. */
    readonly memory: number;
    readonly cpu: number;
  }[];
}

/** In MB (issue 4). */
const MOST_MEMORY = 256;

export function largeGoals({ rows }: LargeFigures): Goal[] {
  return rows.map(goalOf);
}

function goalOf({ format, megabytes, memory }: LargeFigures["rows"][number]): Goal {
  const what = `memory for an answer of ${figure(megabytes, 0)} MB, ${format.toUpperCase()}`;
  return under(what, memory, MOST_MEMORY, { digits: 0, unit: " MB" });
}

export function largeSection(figures: LargeFigures): Section {
  const { rows } = figures;
  return {
    title: "A large answer",
    goals: largeGoals(figures),
    notMeasured: [],
    tables: {
      large: table(
        ["", "answer, MB", "peak memory, MB", "seconds", "MB/s", "CPU, s"],
        rows.map(({ format, megabytes, memory, seconds, cpu }) => [
          format.toUpperCase(),
          figure(megabytes, 0),
          figure(memory, 0),
          figure(seconds, 0),
          figure(megabytes / seconds, 1),
          figure(cpu, 0),
        ]),
      ),
    },
    summary: rows.map((row) => ({
      what: `an answer of ${figure(row.megabytes, 0)} MB, ${row.format.toUpperCase()}`,
      figure: `${figure(row.megabytes / row.seconds, 1)} MB/s`,
      memory: figure(row.memory, 0),
      goals: [goalOf(row)],
    })),
    plots: {
      large: barPanels({
        title: "The ingestor's peak memory for one large answer, MB (less is better)",
        panels: [
          {
            title: "",
            bars: rows.map(({ format, megabytes, memory }) => ({
              name: `${figure(megabytes, 0)} MB of ${format.toUpperCase()}`,
              value: memory,
              label: figure(memory, 0),
              ours: true,
              goal: MOST_MEMORY,
            })),
          },
        ],
      }),
    },
  };
}
