import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalKafka } from "@apispool/launcher/local-kafka.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { kafkaHome } from "./harness/paths.js";
import { securedListeners } from "./harness/secured-listeners.js";
import { shared } from "./harness/shared-kafka.js";

/** Before the integration tests: a real Kafka for all of them, unless KAFKA_BROKERS names one. */
export default async function globalSetup(): Promise<void> {
  if (process.env["KAFKA_BROKERS"] !== undefined && process.env["KAFKA_BROKERS"] !== "") return;
  const dir = await mkdtemp(join(tmpdir(), "apispool-test-kafka-"));
  const supervisor = new Supervisor((name, line) => console.log(`${name}: ${line}`));
  shared.apispoolTestKafka = { supervisor, dir };
  try {
    const { extra, secured } = await securedListeners(dir);
    const { brokers } = await startLocalKafka({ home: kafkaHome, dir, port: 0, env: process.env, supervisor, extra });
    process.env["KAFKA_SECURED"] = JSON.stringify(secured);
    process.env["KAFKA_BROKERS"] = brokers;
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}
