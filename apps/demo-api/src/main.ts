import { runProcess } from "@apispool/common/service-main.js";
import { demoConfigFromEnv, startDemo } from "./demo.js";

await runProcess("demo", demoConfigFromEnv, startDemo);
