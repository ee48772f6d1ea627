import { table } from "../table.js";
import { type Run, partNames, sectionsOf } from "./run.js";

/** The table of everything, and what could not be measured. */
export function summaryOf(run: Run): string {
  const sections = sectionsOf(run);
  const lines = [...sections].flatMap(([name, { summary }]) =>
    summary.map(({ what, figure, ratio = "", memory = "", goals = [] }) => [
      what,
      name,
      figure,
      ratio,
      memory,
      goals.map(({ wanted }) => wanted).join("; "),
      goals.map(({ met }) => (met ? "met" : "MISSED")).join("; "),
    ]),
  );
  return [
    table(["what", "benchmark", "figure", "ratio", "peak memory, MB", "goal", ""], lines),
    `Not measured: ${notMeasured(run).join("; ")}.`,
  ].join("\n\n");
}

/** Peers that could not be had, and benchmarks that gave no figures, each with the reason. */
export function notMeasured(run: Run): string[] {
  const failed = partNames.flatMap((name) => {
    const failure = run.parts[name]?.failure;
    return failure === undefined ? [] : [`benchmark "${name}" (${failure})`];
  });
  return [...new Set([...sectionsOf(run).values()].flatMap((section) => section.notMeasured)), ...failed];
}

export function goalsTable(run: Run): string {
  const goals = [...sectionsOf(run).values()].flatMap((section) => section.goals);
  const lines = goals.map(({ what, wanted, got, met }) => [what, wanted, got, met ? "met" : "**missed**"]);
  return table(["", "goal", "measured", ""], lines);
}
