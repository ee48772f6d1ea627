import { writeFileSync } from "node:fs";
import { createProgram } from "./program.js";
import { reference } from "./reference.js";

/** `npm run generate:cli`: writes docs/cli.md from the tree of commands. */
const silent = { output: { isTerminal: false, columns: undefined }, errors: { isTerminal: false, columns: undefined } };
writeFileSync(new URL("../../../docs/cli.md", import.meta.url), reference(createProgram(silent as never)));
