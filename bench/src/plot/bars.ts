import { type Plot, label, round, svg, tickText, ticks } from "./plot.js";

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Behind the bar. */
  readonly label: string;
  /** Apispool's stand out from the peers'. */
  readonly ours: boolean;
  /** Where the bar is to reach, or to stay below: a dashed line across it. */
  readonly goal?: number;
}

export interface BarPanels {
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly bars: readonly Bar[] }[];
}

const WIDTH = 860;
const NAMES = 280;
const LABELS = 130;
const BAR = 16;
const STEP = 23;

/** Horizontal bars, in panels below each other that have a scale of their own. */
export function barPanels({ title, panels }: BarPanels): Plot {
  const parts = [label(16, 26, title, { kind: "title" })];
  let y = 44;
  let goals = false;
  for (const panel of panels) {
    const bars = panel.bars.filter(({ value }) => Number.isFinite(value));
    if (panel.title !== "") {
      y += 18;
      parts.push(label(16, y, panel.title, { kind: "panel" }));
      y += 8;
    }
    const goalsHere = bars.flatMap(({ goal }) => (goal === undefined || !Number.isFinite(goal) ? [] : [goal]));
    const marks = ticks(Math.max(...bars.map(({ value }) => value), ...goalsHere));
    const most = marks.at(-1) ?? 1;
    const at = (value: number): number => NAMES + (value / most) * (WIDTH - NAMES - LABELS);
    const bottom = y + bars.length * STEP;
    for (const mark of marks) {
      const x = round(at(mark));
      parts.push(`<line class="grid" x1="${x}" y1="${y}" x2="${x}" y2="${bottom}"/>`);
      parts.push(label(x, bottom + 14, tickText(mark), { kind: "faint", anchor: "middle" }));
    }
    for (const { name, value, label: text, ours, goal } of bars) {
      const top = y + (STEP - BAR) / 2;
      const middle = y + STEP / 2 + 4;
      parts.push(label(NAMES - 8, middle, name, { anchor: "end" }));
      const width = round(Math.max(1, at(value) - NAMES));
      parts.push(
        `<rect class="${ours ? "ours" : "peer"}" x="${NAMES}" y="${top}" width="${width}" height="${BAR}" rx="2"/>`,
      );
      const reaches = goal !== undefined && Number.isFinite(goal);
      if (reaches) {
        const x = round(at(goal));
        parts.push(`<line class="goal" x1="${x}" y1="${top - 3}" x2="${x}" y2="${top + BAR + 3}"/>`);
        goals = true;
      }
      const behind = reaches && at(goal) > at(value) && at(goal) < at(value) + 100 ? at(goal) : at(value);
      parts.push(label(behind + 7, middle, text));
      y += STEP;
    }
    y = bottom + 24;
  }
  if (goals) parts.push(label(WIDTH - 16, 26, "┆ goal", { kind: "goal-text", anchor: "end" }));
  return svg(WIDTH, y, title, parts);
}
