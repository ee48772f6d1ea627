import type { EnvReader } from "@apispool/common/env.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Running } from "@apispool/common/service-main.js";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Catalogue } from "./catalogue.js";
import { loadQuakes } from "./load.js";
import { createDemoServer } from "./server.js";

export interface DemoConfig {
  /** host:port to listen on; port 0 takes a free one. */
  readonly address: string;
  /** Simulated milliseconds in one of the wall clock's. */
  readonly speed: number;
}

/** A catalogue day in four minutes: about one new quake a second, the whole catalogue in 28 minutes. */
export const defaultDemoSpeed = 360;

/** DEMO_ADDRESS (host:port) and DEMO_SPEED (times real time). */
export function demoConfigFromEnv(env: EnvReader): DemoConfig {
  const [address = ""] = env.addresses("DEMO_ADDRESS", ["127.0.0.1:8099"]);
  return { address, speed: env.number("DEMO_SPEED", { fallback: defaultDemoSpeed, min: 1, max: 1_000_000 }) };
}

/** Serves the catalogue until it is stopped. */
export async function startDemo(config: DemoConfig, log: Logger): Promise<Running & { readonly port: number }> {
  const server = createDemoServer({ catalogue: new Catalogue(await loadQuakes(), config.speed) });
  const { hostname, port } = new URL(`http://${config.address}`);
  // URL drops the port that is http's own.
  server.listen({ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) });
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  log.info(`earthquakes, ${config.speed} times as fast as in life, at http://${hostname}:${bound}/`);
  return {
    port: bound,
    async stop() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}
