import { benchBacklog } from "./backlog.js";
import { benchIdle } from "./idle.js";
import { benchIngest } from "./ingest.js";
import { benchLatency } from "./latency.js";
import { benchLarge } from "./large.js";
import type { Bench } from "./outcome.js";
import { benchProfile } from "./profile.js";
import { benchRead } from "./read.js";
import { writeResults } from "./results.js";
import { benchStartUp } from "./start-up.js";
import { benchStore } from "./store.js";
import { benchDocs, benchWhole } from "./whole.js";

const benches: Readonly<Record<string, Bench>> = {
  read: benchRead,
  ingest: benchIngest,
  latency: benchLatency,
  "fan-out": async (self, args) => await benchLatency(self, ["--only=many", ...args]),
  backlog: benchBacklog,
  idle: benchIdle,
  large: benchLarge,
  "start-up": benchStartUp,
  store: benchStore,
};
/** What is no single benchmark; each gives what is wrong. */
const commands: Readonly<
  Record<string, (self: NodeJS.Process, args: readonly string[]) => Promise<readonly string[]>>
> = {
  all: benchWhole,
  docs: async (_self, args) => await benchDocs(args),
  profile: async (self, args) => await benchProfile(self, args, benches),
};

const [first = "all", ...rest] = process.argv.slice(2);
// `npm run bench -- --quick` is the whole, too.
const [name, args] = first.startsWith("-") ? ["all", [first, ...rest]] : [first, rest];
// What was started ends with this process.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

async function run(): Promise<readonly string[]> {
  const command = commands[name];
  if (command !== undefined) return await command(process, args);
  const bench = benches[name];
  if (bench === undefined) {
    const known = [...Object.keys(benches), ...Object.keys(commands)].join(", ");
    throw new Error(`there is no benchmark "${name}"; there are ${known}`);
  }
  const outcome = await bench(process, args);
  // Part of a whole run: its results file is that one's.
  if (process.send === undefined) {
    const file = await writeResults(name, { ...outcome.figures, problems: outcome.problems });
    console.log(`bench    │ all figures are in ${file}`);
  } else await tell({ outcome });
  return outcome.problems;
}

/** Resolves when whoever started this has been told. */
async function tell(message: object): Promise<void> {
  await new Promise<void>((told) => {
    process.send?.(message, () => told());
  });
}

try {
  const problems = await run();
  for (const problem of problems) console.error(`bench    │ FAILED: ${problem}`);
  process.exit(problems.length === 0 ? 0 : 1);
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  console.error(`bench    │ ${error instanceof Error ? (error.stack ?? text) : text}`);
  await tell({ failure: text.split("\n")[0] });
  process.exit(1);
}
