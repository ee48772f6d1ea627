#!/usr/bin/env node
// `npx apispool …`: sets up what is missing, then runs the command on the Node that the packages bring.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, fail, install, pinnedNode, root, run } from "../../../tools/setup.mjs";

const args = process.argv.slice(2);
const main = join(root, "apps", "cli", "dist", "main.js");
// What is to be started is set up anew, as by `npm start`. Nothing else is: it may be running from these very files.
if (args[0] === "up" || !existsSync(main) || !existsSync(pinnedNode())) {
  try {
    await install();
    await build();
  } catch (error) {
    fail(error);
  }
}
// By the end of the IPC channel `up` learns that this process is gone, whatever ended it.
const stdio = ["inherit", "inherit", "inherit", ...(args[0] === "up" ? ["ipc"] : [])];
process.exit(await run(pinnedNode(), [main, ...args], { cwd: process.cwd(), stdio }));
