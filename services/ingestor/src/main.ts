import { runProcess } from "@apispool/common/service-main.js";
import { ingestorConfigFromEnv } from "./config.js";
import { startIngestor } from "./ingestor.js";

await runProcess("ingestor", ingestorConfigFromEnv, startIngestor);
