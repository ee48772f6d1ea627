// `npm run bench [-- read [options]]`: sets up what is missing, then runs a benchmark on what was built.
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "./setup.mjs";

try {
  await install();
  await build();
} catch (error) {
  fail(error);
}
process.exit(
  await run(pinnedNode(), [
    "--enable-source-maps",
    "--disable-warning=TimeoutNegativeWarning",
    join(root, "bench", "dist", "main.js"),
    ...process.argv.slice(2),
  ]),
);
