import { runProcess } from "@apispool/common/service-main.js";
import { storeConfigFromEnv } from "./config.js";
import { startStore } from "./store.js";

await runProcess("store", storeConfigFromEnv, startStore);
