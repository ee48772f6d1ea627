// `npm run test:faults [-- --minutes 10 --seed N --report]`: real processes, harmed in every way for a while; what is promised must hold.
// `npm run test:faults -- planted`: bugs are planted in copies of the services, and each must be found.
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "./setup.mjs";

try {
  await install();
  await build();
} catch (error) {
  fail(error);
}
const [first, ...rest] = process.argv.slice(2);
const planted = first === "planted";
process.exit(
  await run(pinnedNode(), [
    "--enable-source-maps",
    "--disable-warning=TimeoutNegativeWarning",
    join(root, "test", "dist", "faults", planted ? "planted-main.js" : "main.js"),
    ...(planted ? rest : process.argv.slice(2)),
  ]),
);
