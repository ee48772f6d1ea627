import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { busyCores } from "./machine.js";
import type { Outcome } from "./outcome.js";
import { compactJson } from "./report/compact.js";
import { blocksOf, plotsOf, withBlocks } from "./report/docs.js";
import { type Part, type PartName, type Run, partNames } from "./report/run.js";
import { goalsTable, summaryOf } from "./report/summary.js";
import { thisMachine } from "./results.js";
import { resultsDir, root } from "./test-bed.js";

/** What each part is told: enough for a figure, and all of them within 25 minutes; and what shows within a few that all of it runs. */
const plan: Readonly<Record<PartName, { readonly full: readonly string[]; readonly quick: readonly string[] }>> = {
  ingest: { full: ["--rounds=2"], quick: ["--rounds=1", "--records=20000", "--sources=50", "--seconds=11"] },
  read: { full: ["--rounds=2"], quick: ["--rounds=1", "--records=100000"] },
  latency: { full: [], quick: ["--seconds=4", "--followers=100", "--rates=10"] },
  backlog: { full: [], quick: ["--records=200000", "--readers=20"] },
  idle: {
    full: ["--records=200000", "--seconds=120"],
    quick: ["--readers=300", "--streams=50", "--records=10000", "--seconds=10"],
  },
  large: { full: [], quick: ["--records=50000"] },
  store: { full: [], quick: ["--records=50000"] },
  "start-up": { full: ["--rounds=3"], quick: ["--rounds=1"] },
};

const docsFile = join(root, "docs", "performance.md");
const plotsDir = join(root, "docs", "performance");
const committed = join(plotsDir, "results.json");

/**
 * Every benchmark against every peer that is there, each in a process of its own; one table, one results file, plots, and the tables of
 * docs/performance.md. A part that fails does not end the others.
 */
export async function benchWhole(self: NodeJS.Process, args: readonly string[]): Promise<readonly string[]> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      /** Of ingest, read and start-up, in place of what the plan says. */
      rounds: { type: "string" },
      /** Writes into docs/; a whole run that is not quick does so unless told otherwise. */
      docs: { type: "boolean" },
      "no-docs": { type: "boolean", default: false },
    },
  });
  const wanted = values.only?.split(",") ?? partNames;
  const unknown = wanted.filter((name) => !partNames.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`--only: no "${unknown.join(", ")}"; there are ${partNames.join(", ")}`);
  const { quick } = values;
  const intoDocs = values.docs ?? (!quick && values.only === undefined && !values["no-docs"]);
  const begun = new Date().toISOString();
  const parts: Partial<Record<PartName, Part>> = {};
  for (const name of partNames.filter((part) => wanted.includes(part))) {
    console.log(`\nbench    │ ── ${name}`);
    parts[name] = await runPart(self, name, argsFor(name, quick, values.rounds));
  }
  const run: Run = { bench: "all", at: begun, quick, machine: thisMachine(), parts };
  const folder = join(resultsDir, `all-${begun.replaceAll(":", "-")}`);
  await writeRun(folder, run);
  console.log(`\n${summaryOf(run)}\n\n${goalsTable(run)}\n`);
  console.log(`bench    │ all figures and the plots are in ${folder}`);
  if (intoDocs) await writeDocs(await mergedWithCommitted(run));
  const problems = Object.entries(parts).flatMap(([name, part]) => [
    ...(part.failure === undefined ? [] : [`${name}: ${part.failure}`]),
    // A quick run's figures are no figures.
    ...(quick ? [] : part.problems),
  ]);
  return problems;
}

/** parseArgs goes by the last of an option that comes twice. */
function argsFor(name: PartName, quick: boolean, rounds: string | undefined): readonly string[] {
  const args = quick ? plan[name].quick : plan[name].full;
  const takesRounds = args.some((arg) => arg.startsWith("--rounds="));
  return takesRounds && rounds !== undefined ? [...args, `--rounds=${rounds}`] : args;
}

async function runPart(self: NodeJS.Process, name: PartName, args: readonly string[]): Promise<Part> {
  const at = new Date().toISOString();
  const busyBefore = await busyCores();
  const begun = performance.now();
  const child = fork(join(import.meta.dirname, "main.js"), [name, ...args], { execArgv: self.execArgv });
  const kill = (): boolean => child.kill("SIGTERM");
  self.once("exit", kill);
  let outcome: Outcome | undefined;
  let failure: string | undefined;
  child.on("message", (message: { outcome?: Outcome; failure?: string }) => {
    outcome = message.outcome;
    failure = message.failure;
  });
  const [code] = (await once(child, "exit")) as [number | null];
  self.removeListener("exit", kill);
  const common = { at, seconds: (performance.now() - begun) / 1000, busyBefore, args };
  if (outcome === undefined)
    return { ...common, problems: [], failure: failure ?? `it ended with ${code ?? "a signal"}` };
  return { ...common, ...outcome };
}

async function writeRun(folder: string, run: Run): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "results.json"), compactJson(run));
  for (const [file, text] of Object.entries(plotsOf(run))) await writeFile(join(folder, file), text);
}

/** Parts that were not run this time stay as they were. */
async function mergedWithCommitted(run: Run): Promise<Run> {
  const before = await readFile(committed, "utf8").then(
    (text) => JSON.parse(text) as Run,
    () => undefined,
  );
  const ran = Object.fromEntries(Object.entries(run.parts).filter(([, { figures }]) => figures !== undefined));
  return { ...run, quick: false, parts: { ...before?.parts, ...ran } };
}

/** docs/performance/results.json, the plots beside it and the tables of docs/performance.md. */
export async function writeDocs(run: Run): Promise<void> {
  await writeRun(plotsDir, run);
  // What the file says, which has fewer digits: so anybody can make the same of it.
  const written = JSON.parse(await readFile(committed, "utf8")) as Run;
  for (const [file, text] of Object.entries(plotsOf(written))) await writeFile(join(plotsDir, file), text);
  await writeFile(docsFile, withBlocks(await readFile(docsFile, "utf8"), blocksOf(written)));
  console.log(`bench    │ docs/performance.md and docs/performance/ are written`);
}

/** `npm run bench -- docs [FILE]`: writes the docs again from a results file, the committed one unless given. */
export async function benchDocs(args: readonly string[]): Promise<readonly string[]> {
  const run = JSON.parse(await readFile(args[0] ?? committed, "utf8")) as Run;
  await writeDocs(args[0] === undefined ? run : await mergedWithCommitted(run));
  return [];
}
