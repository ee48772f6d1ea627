/**
 * `npm start`: a local Kafka (unless there is one), the demo API (unless there is an API to poll) and the services.
 *
 * What is read here is in config.ts, source.ts and java.ts; docs/configuration.md lists it. Everything else goes to the
 * services as it is.
 */
import { resolve } from "node:path";
import { runLauncher } from "./launcher.js";

// Not `runProcess`: what was started has to be stopped in order, also when the start itself is interrupted.
process.exit(await runLauncher(process, resolve(import.meta.dirname, "../../..")));
