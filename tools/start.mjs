// `npm start`: sets up what is missing, then hands over to the launcher.
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "./setup.mjs";

try {
  await install();
  await build();
} catch (error) {
  fail(error);
}
// By the end of the IPC channel the launcher learns that this process is gone, whatever ended it.
const launcher = join(root, "apps", "launcher", "dist", "main.js");
process.exit(
  await run(pinnedNode(), ["--enable-source-maps", launcher], { stdio: ["inherit", "inherit", "inherit", "ipc"] }),
);
