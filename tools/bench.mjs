// `npm run bench [-- read [options]]`: sets up what is missing, then runs a benchmark on what was built.
import { runBuilt } from "./setup.mjs";

await runBuilt(["bench", "dist", "main.js"], process.argv.slice(2));
