import { runProcess } from "@apispool/common/service-main.js";
import { readerConfigFromEnv } from "./config.js";
import { startReader } from "./reader.js";

await runProcess("reader", readerConfigFromEnv, startReader);
