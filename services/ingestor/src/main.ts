import { EnvReader } from "@apispool/common/env.js";
import { runProcess } from "@apispool/common/service-main.js";
import { loadIngestorConfig } from "./config/load.js";
import { startReloading } from "./reloading.js";

await runProcess("ingestor", loadIngestorConfig, async (config, log) => {
  const { running, reload } = await startReloading(config, log, {
    proxyEnv: process.env,
    load: () => {
      const env = new EnvReader(process.env);
      const next = loadIngestorConfig(env);
      env.done();
      return next;
    },
  });
  process.on("SIGHUP", reload);
  return running;
});
