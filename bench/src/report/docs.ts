import { machineLine } from "./machine-line.js";
import { type Run, sectionsOf } from "./run.js";
import type { Section } from "./section.js";
import { goalsTable, notMeasured } from "./summary.js";

/** What docs/performance.md holds between markers, by name. */
export function blocksOf(run: Run): Readonly<Record<string, string>> {
  const sections = [...sectionsOf(run).values()];
  return {
    machine: machineLine(run),
    goals: goalsTable(run),
    "not-measured": `Not measured, because they could not be had: ${notMeasured(run).join("; ")}.`,
    ...Object.fromEntries(sections.flatMap(tablesOf)),
  };
}

/** Its pictures stand above the first of a section's tables, so a page without figures has none that are not there. */
function tablesOf({ title, tables, plots }: Section): (readonly [string, string])[] {
  const pictures = Object.keys(plots).map((name) => picture(title, `performance/${name}.svg`));
  return Object.entries(tables).map(([name, text], i) => [name, i === 0 ? [...pictures, text].join("\n\n") : text]);
}

/** An image of docs/performance.md. */
export function picture(alt: string, file: string): string {
  return `![${alt}](${file})`;
}

/** What docs/performance holds, by file name. */
export function plotsOf(run: Run): Readonly<Record<string, string>> {
  const plots = [...sectionsOf(run).values()].flatMap((section) => Object.entries(section.plots));
  return Object.fromEntries(plots.map(([name, text]) => [`${name}.svg`, text]));
}

/** Puts each block between its markers: `<!-- bench: NAME -->` and `<!-- end -->`. Throws where the text has no place for a block. */
export function withBlocks(text: string, blocks: Readonly<Record<string, string>>): string {
  let written = text;
  for (const [name, block] of Object.entries(blocks)) {
    const from = written.indexOf(`<!-- bench: ${name} -->`);
    const to = written.indexOf("<!-- end -->", from);
    if (from === -1 || to === -1)
      throw new Error(`there is no place for "${name}": <!-- bench: ${name} --> … <!-- end -->`);
    written = `${written.slice(0, from)}<!-- bench: ${name} -->\n\n${block}\n\n${written.slice(to)}`;
  }
  return written;
}
