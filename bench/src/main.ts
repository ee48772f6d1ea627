import { benchBacklog } from "./backlog.js";
import { benchIdle } from "./idle.js";
import { benchIngest } from "./ingest.js";
import { benchLatency } from "./latency.js";
import { benchRead } from "./read.js";

/** A benchmark: gives what is wrong with the result. */
type Bench = (self: NodeJS.Process, args: readonly string[]) => Promise<string[]>;

const benches: Readonly<Record<string, Bench>> = {
  read: benchRead,
  ingest: benchIngest,
  latency: benchLatency,
  backlog: benchBacklog,
  idle: benchIdle,
};

const [first = "read", ...rest] = process.argv.slice(2);
// `npm run bench -- --records 1000` is the first benchmark, too.
const [name, args] = first.startsWith("-") ? ["read", [first, ...rest]] : [first, rest];
// What was started ends with this process.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

try {
  const bench = benches[name];
  if (bench === undefined)
    throw new Error(`there is no benchmark "${name}"; there are ${Object.keys(benches).join(", ")}`);
  const problems = await bench(process, args);
  for (const problem of problems) console.error(`bench    │ FAILED: ${problem}`);
  process.exit(problems.length === 0 ? 0 : 1);
} catch (error) {
  console.error(`bench    │ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
