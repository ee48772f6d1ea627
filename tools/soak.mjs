// `npm run soak [-- --minutes 30]`: sets up what is missing, then runs the soak on what was built.
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
    join(root, "bench", "dist", "soak", "main.js"),
    ...process.argv.slice(2),
  ]),
);
