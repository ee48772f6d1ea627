import { type Plot, label, round, svg, tickText, ticks } from "./plot.js";

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinePlot {
  readonly title: string;
  /** What the horizontal axis counts. */
  readonly x: string;
  readonly lines: readonly Line[];
}

const WIDTH = 860;
const HEIGHT = 300;
const LEFT = 62;
const RIGHT = 20;
const TOP = 66;
const BOTTOM = 44;

/** Lines over one axis, from zero up: nothing looks steeper than it is. */
export function linePlot({ title, x, lines }: LinePlot): Plot {
  const points = lines.flatMap((line) => line.points.filter(([, y]) => Number.isFinite(y)));
  const across = ticks(Math.max(...points.map(([at]) => at)), 8);
  const up = ticks(Math.max(...points.map(([, y]) => y)));
  const mostX = Math.max(...points.map(([at]) => at), 1);
  const mostY = up.at(-1) ?? 1;
  const toX = (value: number): number => round(LEFT + (value / mostX) * (WIDTH - LEFT - RIGHT));
  const toY = (value: number): number => round(HEIGHT - BOTTOM - (value / mostY) * (HEIGHT - TOP - BOTTOM));
  const parts = [label(16, 26, title, { kind: "title" })];
  for (const mark of up) {
    parts.push(`<line class="grid" x1="${LEFT}" y1="${toY(mark)}" x2="${WIDTH - RIGHT}" y2="${toY(mark)}"/>`);
    parts.push(label(LEFT - 8, toY(mark) + 4, tickText(mark), { kind: "faint", anchor: "end" }));
  }
  for (const mark of across.filter((value) => value <= mostX))
    parts.push(label(toX(mark), HEIGHT - BOTTOM + 18, tickText(mark), { kind: "faint", anchor: "middle" }));
  parts.push(label(WIDTH - RIGHT, HEIGHT - 8, x, { kind: "faint", anchor: "end" }));
  let at = 16;
  for (const [i, line] of lines.entries()) {
    parts.push(`<line class="line s${i % 6}" x1="${at}" y1="46" x2="${at + 20}" y2="46" style="stroke-width:3"/>`);
    parts.push(label(at + 26, 50, line.name));
    at += 26 + line.name.length * 7 + 24;
    const path = line.points
      .filter(([, y]) => Number.isFinite(y))
      .map(([px, py]) => `${toX(px)},${toY(py)}`)
      .join(" ");
    parts.push(`<polyline class="line s${i % 6}" points="${path}"/>`);
  }
  return svg(WIDTH, HEIGHT, title, parts);
}
