import { join, resolve } from "node:path";

/** The checkout. */
export const root = resolve(import.meta.dirname, "../../..");

/** Where Kafka's libraries are, for `npm start` and for tests alike; brokers of killed test runs are noted there, too. */
export const kafkaHome = join(root, ".apispool", "kafka");

/** Where the processes of end-to-end tests log. */
export const testLogs = join(root, ".apispool", "test-logs");
