import { rm } from "node:fs/promises";
import { shared } from "./harness/shared-kafka.js";

/** After the integration tests: stops the Kafka that the set-up started, and removes its data. */
export default async function globalTeardown(): Promise<void> {
  if (shared.apispoolTestKafka === undefined) return;
  await shared.apispoolTestKafka.supervisor.stop();
  await rm(shared.apispoolTestKafka.dir, { recursive: true, force: true });
}
