import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningAdmin, startAdmin } from "./admin-server.js";
import type { HealthState } from "./health.js";
import type { Logger } from "./logger.js";
import type { Metrics } from "./metrics.js";
import type { TelemetrySettings } from "./telemetry-settings.js";
import { type Tracer, startTracing } from "./tracing.js";

/** What a service tells of itself while it runs. */
export interface Telemetry {
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  /** Undefined where nobody is to be told. */
  readonly admin: RunningAdmin | undefined;
  /** Sends the last spans; the probes answer until here. */
  stop(): Promise<void>;
}

/**
 * Starts a service's telemetry; without settings metrics are counted and shown to nobody, as in tests. The service's
 * own metrics are in `metrics` already, before the first scrape can come.
 */
export async function startTelemetry(
  service: string,
  health: HealthState,
  settings: TelemetrySettings | undefined,
  log: Logger,
  metrics: Metrics,
): Promise<Telemetry> {
  addHealth(metrics, service, health);
  const tracer = await startTracing(settings?.tracing, service);
  if (settings?.tracing !== undefined) log.info(`traces go to ${withoutCredentials(settings.tracing.url)}`);
  const address = settings?.metrics;
  if (address !== undefined) metrics.addProcess();
  const admin = address === undefined ? undefined : await startAdmin({ ...address, metrics, health, log });
  return {
    metrics,
    tracer,
    admin,
    async stop() {
      await Promise.all([tracer?.close(), admin?.stop()]);
    },
  };
}

/** What every service has. */
export function addHealth(metrics: Metrics, service: string, health: HealthState): void {
  metrics.gauge({
    name: "apispool_ready",
    help: "1 while the service can do its work, as /readyz says, else 0.",
    collect: (gauge) => gauge.set(health.serving ? 1 : 0),
  });
  metrics
    .gauge({ name: "apispool_build_info", help: "Always 1; its labels say what runs.", labels: ["service", "version"] })
    .set({ service, version: version() }, 1);
}

function version(): string {
  const file = join(import.meta.dirname, "..", "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
