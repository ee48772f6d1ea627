import { resolve } from "node:path";
import { apispool } from "./apispool.js";
import { processSurroundings } from "./process-surroundings.js";

const around = processSurroundings(process, {
  up: async () => {
    process.setSourceMapsEnabled(true);
    const { runLauncher } = await import("@apispool/launcher/launcher.js");
    return await runLauncher(process, resolve(import.meta.dirname, "../../.."));
  },
  self: [process.execPath, import.meta.filename],
});
around.end(await apispool(process.argv.slice(2), around));
