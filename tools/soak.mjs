// `npm run soak [-- --minutes 30]`: sets up what is missing, then runs the soak on what was built.
import { runBuilt } from "./setup.mjs";

await runBuilt(["bench", "dist", "soak", "main.js"], process.argv.slice(2));
