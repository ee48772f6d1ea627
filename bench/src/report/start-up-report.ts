import { barPanels } from "../plot/bars.js";
import { median } from "../results.js";
import { table } from "../table.js";
import { type Section, figure } from "./section.js";

export interface StartUpFigures {
  readonly options: { readonly rounds: number };
  /** Milliseconds from the start of a first process. */
  readonly rows: readonly { readonly name: string; readonly ours: boolean; readonly ms: readonly number[] }[];
  /** Resident memory of each process of the stack when it has had nothing to do for a while, MB. */
  readonly idle: Readonly<Record<string, number>>;
  readonly notMeasured: readonly string[];
}

/** No issue names a goal for it. */
export function startUpSection({ rows, idle, notMeasured }: StartUpFigures): Section {
  const processes = Object.entries(idle);
  return {
    title: "Start-up",
    goals: [],
    notMeasured,
    tables: {
      "start-up": table(
        ["", "median, ms", "least", "most"],
        rows.map(({ name, ms }) => [
          name,
          ...[median(ms), Math.min(...ms), Math.max(...ms)].map((value) => figure(value, 0)),
        ]),
      ),
      "idle-memory": table(
        processes.map(([name]) => name),
        [processes.map(([, megabytes]) => `${figure(megabytes, 0)} MB`)],
      ),
    },
    summary: rows.map(({ name, ms, ours }) => ({
      what: `start: ${name}`,
      figure: `${figure(median(ms), 0)} ms`,
      ...(ours ? { memory: processes.map(([, megabytes]) => figure(megabytes, 0)).join(" + ") } : {}),
    })),
    plots: {
      "start-up": barPanels({
        title: "From the start of the first process, ms (less is better)",
        panels: [
          {
            title: "",
            bars: rows.map(({ name, ms, ours }) => ({ name, value: median(ms), label: figure(median(ms), 0), ours })),
          },
        ],
      }),
    },
  };
}
