import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../harness/paths.js";
import type { FaultRun } from "./run.js";
import { summaryOf } from "./summary.js";

const BEGIN = "<!-- faults: written by npm run test:faults -- --report -->";
const END = "<!-- faults: end -->";

/** Writes a run's figures into docs/reliability.md, between its marks. */
export async function writeReport(run: FaultRun, command: string): Promise<void> {
  const file = join(root, "docs", "reliability.md");
  const text = await readFile(file, "utf8");
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${file} has no place for the figures: ${BEGIN} … ${END}`);
  const figures = `${BEGIN}\n\n\`${command}\`\n\n${summaryOf(run)}\n\n`;
  await writeFile(file, text.slice(0, from) + figures + text.slice(to));
}
