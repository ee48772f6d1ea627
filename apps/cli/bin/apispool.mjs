#!/usr/bin/env node
// `npx apispool …`: builds what is missing, then runs the command on the Node that the packages bring.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "../../../tools/setup.mjs";

const main = join(root, "apps", "cli", "dist", "main.js");
if (!existsSync(main) || !existsSync(pinnedNode())) {
  try {
    await install();
    await build();
  } catch (error) {
    fail(error);
  }
}
process.exit(await run(pinnedNode(), [main, ...process.argv.slice(2)], { cwd: process.cwd() }));
