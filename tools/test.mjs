// `npm test [unit | integration] [-- jest's options]`: sets up what is missing, then runs jest on what was built.
// With APISPOOL_TEST_REPORTS=<folder> each project's results are also written there, as JSON.
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "./setup.mjs";

const projects = ["unit", "integration"];
const args = process.argv.slice(2);
const wanted = projects.includes(args[0]) ? [args.shift()] : projects;
const reports = process.env.APISPOOL_TEST_REPORTS;

try {
  await install();
  await build();
} catch (error) {
  fail(error);
}

let worst = 0;
for (const project of wanted) {
  console.log(`\napispool │ ${project} tests`);
  const code = await run(pinnedNode(), [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=TimeoutNegativeWarning",
    join(root, "node_modules", "jest", "bin", "jest.js"),
    "--selectProjects",
    project,
    // They mostly wait: two at a time, whatever the machine has. (Those of integration share a Kafka and start whole stacks.)
    "--maxWorkers=2",
    ...(reports === undefined ? [] : ["--json", `--outputFile=${join(reports, `${project}.json`)}`]),
    ...(args.length > 0 ? ["--passWithNoTests", ...args] : []),
  ]);
  if (code === 130 || code === 143) process.exit(code);
  worst = Math.max(worst, code);
}
process.exit(worst);
