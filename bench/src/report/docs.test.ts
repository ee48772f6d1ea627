import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { type Soak, soakBlocks, soakPlots } from "../soak/soak-report.js";
import { blocksOf, plotsOf, withBlocks } from "./docs.js";
import { type Goal, atLeast, missed, under } from "./goal.js";
import { type Run, sectionsOf } from "./run.js";

const docs = resolve(import.meta.dirname, "../../../docs");
const text = readFileSync(join(docs, "performance.md"), "utf8");

function read(folder: string): unknown {
  const file = join(docs, folder, "results.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as unknown) : undefined;
}

const run = read("performance") as Run | undefined;
const soak = read("soak") as Soak | undefined;

test("docs/performance.md holds what the results files say, and between its markers nothing else", () => {
  const blocks = { ...(run === undefined ? {} : blocksOf(run)), ...(soak === undefined ? {} : soakBlocks(soak)) };
  const emptied = text.replaceAll(/(<!-- bench: [a-z-]+ -->)[^]*?(<!-- end -->)/g, "$1\n\n$2");
  expect(text).toBe(withBlocks(emptied, blocks));
});

test("the plots are those of the results files", () => {
  const wanted = {
    performance: run === undefined ? {} : plotsOf(run),
    soak: soak === undefined ? {} : soakPlots(soak),
  };
  for (const [folder, plots] of Object.entries(wanted)) {
    const there = existsSync(join(docs, folder))
      ? readdirSync(join(docs, folder)).filter((name) => name.endsWith(".svg"))
      : [];
    expect(there.toSorted()).toEqual(Object.keys(plots).toSorted());
    for (const [name, plot] of Object.entries(plots)) expect(readFileSync(join(docs, folder, name), "utf8")).toBe(plot);
  }
});

test("a block whose markers are not there is an error, and a block replaces what was between them", () => {
  const place = "a\n<!-- bench: x -->\nold\n<!-- end -->\nb";
  expect(withBlocks(place, { x: "new" })).toBe("a\n<!-- bench: x -->\n\nnew\n\n<!-- end -->\nb");
  expect(() => withBlocks(place, { y: "new" })).toThrow(/no place for "y"/);
});

test("a goal is missed by a figure on the wrong side, and by one that is none", () => {
  const goals: Goal[] = [
    atLeast("a", 0.89, 1, { unit: " × Java" }),
    atLeast("b", 1, 1),
    atLeast("c", Number.NaN, 1),
    under("d", 50, 50, { digits: 0, unit: " ms" }),
    under("e", 49, 50),
  ];
  expect(missed(goals)).toEqual([
    "a: 0.89 × Java; at least 1.00 × Java is the goal",
    "c: –; at least 1.00 is the goal",
    "d: 50 ms; under 50 ms is the goal",
  ]);
});

test("of a benchmark's figures come its table, its goals and its plot", () => {
  const large = {
    options: { records: 2, bytes: 5 },
    rows: [{ format: "csv", records: 2, megabytes: 1000, seconds: 50, memory: 300, cpu: 78 }],
  };
  const part = { at: "2026-11-25T12:00:00.000Z", seconds: 60, busyBefore: 0.1, args: [], figures: large, problems: [] };
  const machine = { cpu: "x", cores: 2, memory: 24, node: "v24" };
  const one: Run = { bench: "all", at: part.at, quick: false, machine, parts: { large: part } };
  const section = sectionsOf(one).get("large");
  expect(section?.goals).toEqual([
    { what: "memory for an answer of 1000 MB, CSV", wanted: "under 256 MB", got: "300 MB", met: false },
  ]);
  expect(blocksOf(one)["large"]).toContain("| CSV |       1000 |             300 |      50 | 20.0 |     78 |");
  expect(blocksOf(one)["large"]).toMatch(/^!\[A large answer\]\(performance\/large\.svg\)\n\n\|/);
  expect(plotsOf(one)["large.svg"]).toMatch(/^<svg [^]*1000 MB of CSV[^]*class="goal"[^]*<\/svg>\n$/);
});
