import { fork } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { busyCores } from "../machine.js";
import { compactJson } from "../report/compact.js";
import { withBlocks } from "../report/docs.js";
import { missed } from "../report/goal.js";
import { resultsDir, root } from "../test-bed.js";
import { thisMachine } from "../results.js";
import { SoakStack } from "./stack.js";
import type { ClientCounts } from "./clients-main.js";
import { type Moment, type Soak, soakBlocks, soakGoals, soakPlots } from "./soak-report.js";

/*
 * npm run soak -- --minutes 30: the whole stack at full rate, looked at every few seconds; afterwards a verdict. `--docs` writes
 * docs/soak and the part of docs/performance.md.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "4000" },
    bytes: { type: "string", default: "500" },
    every: { type: "string", default: "5" },
    docs: { type: "boolean", default: false },
    /** Writes the docs again from docs/soak/results.json. */
    again: { type: "boolean", default: false },
  },
});
const docsFile = join(root, "docs", "performance.md");
const docsDir = join(root, "docs", "soak");
const say = (text: string): void => console.log(`soak     │ ${text}`);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

async function soak(): Promise<Soak> {
  const [minutes, perSecond, bytes, every] = [
    positive("minutes"),
    positive("rate"),
    positive("bytes"),
    positive("every"),
  ];
  const busyBefore = await busyCores();
  const begun = new Date().toISOString();
  await using stack = await SoakStack.start(process, { perSecond, bytes });
  say(`${perSecond} records/s for ${minutes} minutes; a look every ${every} s`);
  let clients: ClientCounts = { followed: {}, visits: 0, failures: {}, reopened: 0 };
  const child = fork(join(import.meta.dirname, "clients-main.js"), [stack.gateway, stack.sources.join(",")]);
  process.on("exit", () => child.kill("SIGKILL"));
  child.on("message", (message: ClientCounts) => (clients = message));
  const moments: Moment[] = [];
  const from = performance.now();
  const seconds = (): number => (performance.now() - from) / 1000;
  while (seconds() < minutes * 60) {
    await sleep(every * 1000 - ((performance.now() - from) % (every * 1000)));
    const [processes, made, written] = await Promise.all([stack.samples(), stack.made(), stack.written()]);
    const received = Object.values(clients.followed).reduce((sum, n) => sum + n, 0);
    moments.push({ at: Math.round(seconds()), processes, made, written, lag: Math.max(0, written - received) });
    if (child.exitCode !== null) throw new Error("the clients' process ended");
    if (moments.length % Math.ceil(60 / every) === 0) tellOf(moments.at(-1), clients);
  }
  child.disconnect();
  // A fifth, five minutes at most: caches, compiled code and windows fill.
  const warmUp = Math.min(300, minutes * 12);
  return {
    bench: "soak",
    begun,
    machine: thisMachine(),
    minutes,
    warmUp,
    perSecond,
    bytes,
    busyBefore,
    moments,
    clients,
  };
}

function positive(name: "minutes" | "rate" | "bytes" | "every"): number {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} is "${values[name]}"; it must be a number greater than 0`);
}

function tellOf(moment: Moment | undefined, { visits, failures }: ClientCounts): void {
  if (moment === undefined) return;
  const memory = Object.entries(moment.processes).map(
    ([name, { rss, sockets, delayP99 }]) => `${name} ${rss.toFixed(0)} MB/${sockets}/${delayP99.toFixed(0)} ms`,
  );
  say(
    `${(moment.at / 60).toFixed(1)} min: ${moment.written} of ${moment.made} written, lag ${moment.lag}, ${visits} visits, ` +
      `failures ${JSON.stringify(failures)}; ${memory.join(", ")}`,
  );
}

async function write(folder: string, done: Soak): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "results.json"), compactJson(done));
  for (const [file, text] of Object.entries(soakPlots(done))) await writeFile(join(folder, file), text);
}

async function writeDocs(done: Soak): Promise<void> {
  await write(docsDir, done);
  // By the file, which has fewer digits: so anybody can make the same of it.
  const written = JSON.parse(await readFile(join(docsDir, "results.json"), "utf8")) as Soak;
  for (const [file, text] of Object.entries(soakPlots(written))) await writeFile(join(docsDir, file), text);
  await writeFile(docsFile, withBlocks(await readFile(docsFile, "utf8"), soakBlocks(written)));
  say("docs/soak and docs/performance.md are written");
}

try {
  const done = values.again
    ? (JSON.parse(await readFile(join(docsDir, "results.json"), "utf8")) as Soak)
    : await soak();
  if (!values.again) {
    const folder = join(resultsDir, `soak-${done.begun.replaceAll(":", "-")}`);
    await write(folder, done);
    say(`all figures and the plots are in ${folder}`);
  }
  if (values.docs || values.again) await writeDocs(done);
  console.log(`\n${soakBlocks(done)["soak"]}\n`);
  const problems = missed(soakGoals(done));
  for (const problem of problems) console.error(`soak     │ NOT FLAT: ${problem}`);
  process.exit(problems.length === 0 ? 0 : 1);
} catch (error) {
  console.error(`soak     │ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
