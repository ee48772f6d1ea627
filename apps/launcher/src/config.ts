import { join, resolve } from "node:path";
import type { EnvReader } from "@apispool/common/env.js";
import { logFormatFromEnv } from "@apispool/common/process-settings.js";
import type { StackOptions } from "./stack.js";

/** What `npm start` is told. What only the services read goes to them as it is. */
export interface LauncherConfig {
  /** Where the launcher's output goes through: lines for people, or JSON. */
  readonly format: "json" | "pretty";
  /** Undefined: where the output is a terminal. */
  readonly colour: boolean | undefined;
  /** Where the gateway listens; its own default when undefined. */
  readonly host: string | undefined;
  readonly ports: StackOptions["ports"];
  /** How many reader processes there are. */
  readonly readers: number;
  readonly kafka: StackOptions["kafka"];
  /** Undefined: there is none, and nothing of it runs. */
  readonly store: StackOptions["store"];
}

/** Reads the launcher's configuration; problems are collected by the reader. */
export function launcherConfigFromEnv(env: EnvReader, root: string): LauncherConfig {
  const folder = resolve(env.string("APISPOOL_DIR", join(root, ".apispool")));
  const home = join(folder, "kafka");
  const store = env.string("STORE");
  const storePort = env.port("STORE_PORT", 50_053);
  const kafkaPort = env.port("KAFKA_PORT", 9092);
  const brokers = env.addresses("KAFKA_BROKERS", []).join(",");
  return {
    format: logFormatFromEnv(env),
    colour: colourFromEnv(env),
    host: env.string("HOST"),
    ports: {
      gateway: env.port("PORT", 3000),
      ingestor: env.port("INGESTOR_PORT", 50_051),
      reader: env.port("READER_PORT", 50_052),
      demo: env.port("DEMO_PORT", 8099),
      metrics: env.string("METRICS_PORT") === "off" ? undefined : env.port("METRICS_PORT", 9464),
    },
    readers: env.integer("READERS", { fallback: 1, min: 1, max: 32 }),
    store:
      store === undefined
        ? undefined
        : { port: storePort, database: store === "sqlite" ? `sqlite:${join(folder, "store")}` : store },
    kafka: brokers === "" ? { home, dir: home, port: kafkaPort } : { brokers },
  };
}

/** https://no-color.org and https://force-color.org */
function colourFromEnv(env: EnvReader): boolean | undefined {
  const force = env.string("FORCE_COLOR");
  if (env.string("NO_COLOR") !== undefined) return false;
  return force === undefined || force === "0" ? undefined : true;
}
