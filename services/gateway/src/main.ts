import { runProcess } from "@apispool/common/service-main.js";
import { gatewayConfigFromEnv } from "./config.js";
import { startGateway } from "./gateway.js";

await runProcess("gateway", gatewayConfigFromEnv, startGateway);
