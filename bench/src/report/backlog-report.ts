import { barPanels } from "../plot/bars.js";
import { median, quantile } from "../results.js";
import { table } from "../table.js";
import { type Goal, under } from "./goal.js";
import { type Section, figure, whole } from "./section.js";

export interface BacklogFigures {
  readonly options: { readonly records: number; readonly bytes: number; readonly readers: number };
  readonly busyBefore: number;
  /** Milliseconds to the first byte, of each reader, with the large backlog and the small one; and of their medians the ratio. */
  readonly rows: readonly {
    readonly name: string;
    readonly large: readonly number[];
    readonly small: readonly number[];
    readonly ratio: number;
  }[];
  /** The reader's peak, MB. */
  readonly memory: number;
}

/** In milliseconds (issue 5). */
const MOST_MEDIAN = 50;
/** A first byte from the large topic may take so much longer than one from the small. */
const MOST_RATIO = 1.5;

export function backlogGoals(figures: BacklogFigures): Goal[] {
  return figures.rows.flatMap((row) => goalsOfRow(figures, row));
}

function goalsOfRow({ options }: BacklogFigures, { name, large, ratio }: BacklogFigures["rows"][number]): Goal[] {
  const what = `first byte before ${whole(options.records)} records: ${name}`;
  return [
    under(`${what}: median`, median(large), MOST_MEDIAN, { digits: 1, unit: " ms" }),
    under(what, ratio, MOST_RATIO, { unit: " × that before 1,000 records" }),
  ];
}

export function backlogSection(figures: BacklogFigures): Section {
  const { rows, options } = figures;
  return {
    title: "The first byte before a large backlog",
    goals: backlogGoals(figures),
    notMeasured: [],
    tables: {
      backlog: table(
        [
          "",
          `${whole(options.records)} records: median, ms`,
          "p99, ms",
          "1,000 records: median, ms",
          "p99, ms",
          "ratio",
        ],
        rows.map(({ name, large, small, ratio }) => [
          name,
          ...[median(large), quantile(large, 0.99), median(small), quantile(small, 0.99)].map((ms) => figure(ms, 1)),
          figure(ratio, 2),
        ]),
      ),
    },
    summary: rows.map((row) => ({
      what: `first byte before ${whole(options.records)} records: ${row.name}`,
      figure: `median ${figure(median(row.large), 1)} ms`,
      ratio: `${figure(row.ratio, 2)} × before 1,000`,
      memory: figure(figures.memory, 0),
      goals: goalsOfRow(figures, row),
    })),
    plots: {
      backlog: barPanels({
        title: "A reader nobody has heard of: median time to the first byte, ms (less is better)",
        panels: rows.map(({ name, large, small }) => ({
          title: name,
          bars: [
            {
              name: `${whole(options.records)} records`,
              value: median(large),
              label: figure(median(large), 1),
              ours: true,
              goal: MOST_MEDIAN,
            },
            { name: "1,000 records", value: median(small), label: figure(median(small), 1), ours: true },
          ],
        })),
      }),
    },
  };
}
