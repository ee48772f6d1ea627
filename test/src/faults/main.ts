import { randomInt } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { writeReport } from "./report.js";
import { replay as replayHistory } from "./replay.js";
import { runFaults } from "./run.js";
import { summaryOf } from "./summary.js";

/** How much of the history around a finding is shown, in milliseconds before it and after. */
const AROUND_MS = [3000, 500] as const;
const MOST_LINES = 60;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(randomInt(1, 1_000_000)) },
    victims: { type: "string" },
    kinds: { type: "string" },
    // Brokers that fail, networks and clocks: with how many brokers.
    surroundings: { type: "string" },
    "keep-going": { type: "boolean", default: false },
    history: { type: "string" },
    report: { type: "boolean", default: false },
  },
});
const minutes = positive("minutes", values.minutes);
const seed = positive("seed", values.seed);
const only = (["victims", "kinds", "surroundings"] as const).flatMap((name) =>
  values[name] === undefined ? [] : [[name, values[name]] as const],
);
const replay = `npm run test:faults -- --minutes ${minutes} --seed ${seed}${only.map(([name, value]) => ` --${name} "${value}"`).join("")}`;
if (values.history !== undefined) {
  const { checker, lastMs, faults } = await replayHistory(values.history);
  console.log(summaryOf({ seed, tookMs: lastMs, checker, faults }));
  for (const { t, broken, text } of checker.findings) console.log(`${broken}, at ${t} ms: ${text}`);
  process.exit(checker.findings.length === 0 ? 0 : 1);
}
if (values.surroundings !== undefined && !["1", "3"].includes(values.surroundings)) {
  console.error(`--surroundings is "${values.surroundings}"; it must be 1 or 3, the number of brokers`);
  process.exit(2);
}
const brokers = values.surroundings === "3" ? 3 : 1;
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
process.once("SIGTERM", () => interrupted.abort());

console.log(`faults: seed ${seed}, ${minutes} minutes`);
const run = await runFaults({
  seed,
  forMs: minutes * 60_000,
  ...(values.victims === undefined ? {} : { victims: new RegExp(values.victims) }),
  ...(values.kinds === undefined ? {} : { kinds: new RegExp(values.kinds) }),
  ...(values.surroundings === undefined ? {} : { surroundings: brokers }),
  keepGoing: values["keep-going"],
  signal: interrupted.signal,
  say: (text) => console.log(`faults: ${text}`),
});
console.log(`\n${summaryOf(run)}\n`);
for (const { t, broken, text } of run.findings) console.log(`${broken}, at ${t} ms: ${text}`);
const [first] = run.findings;
if (first !== undefined) {
  console.log(`\nThe history around it (all of it: ${run.historyFile}; the processes' log: ${run.logFile}):`);
  await showAround(first.t);
  console.log(`\nThe same again: ${replay}`);
}
if (values.report && first === undefined && !interrupted.signal.aborted) await writeReport(run, replay);
console.log(
  first === undefined
    ? `faults: ${interrupted.signal.aborted ? "interrupted; " : ""}nothing was broken (seed ${seed})`
    : `faults: FAILED with ${run.findings.length} findings (seed ${seed})`,
);
process.exit(first === undefined ? 0 : 1);

async function showAround(t: number): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(run.historyFile) })) {
    const { t: at, kind } = JSON.parse(line) as { t: number; kind: string };
    if (at < t - AROUND_MS[0] || at > t + AROUND_MS[1] || kind === "said") continue;
    lines.push(line.length > 300 ? `${line.slice(0, 300)}…` : line);
  }
  for (const line of lines.slice(-MOST_LINES)) console.log(line);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`--${name} is "${text}"; it must be a number greater than 0`);
  process.exit(2);
}
