import { addHealth } from "@apispool/common/telemetry.js";
import { callObserver } from "@apispool/common/call-metrics.js";
import { HealthState } from "@apispool/common/health.js";
import { Metrics } from "@apispool/common/metrics.js";
import { gatewayMetrics } from "@apispool/gateway/observe/gateway-metrics.js";
import { ingestorMetrics } from "@apispool/ingestor/telemetry/ingestor-metrics.js";
import { LagReport, type LagOptions } from "@apispool/reader/lag-report.js";
import { readerMetrics } from "@apispool/reader/reader-metrics.js";
import { storeMetrics } from "@apispool/store/store-metrics.js";

export type Described = ReturnType<Metrics["describe"]>[number];

export const services = ["gateway", "ingestor", "reader", "store"] as const;

/** What a service exports, defined by the very functions that the service calls. */
export function metricsOf(service: (typeof services)[number]): Metrics {
  const metrics = new Metrics();
  addHealth(metrics, service, new HealthState([]));
  if (service === "gateway") {
    gatewayMetrics(metrics, {
      connections: () => ({ http1: 0, http2: 0 }),
      bytes: () => ({ received: 0, sent: 0 }),
      pendingReceipts: () => 0,
      readerProcesses: () => ({ ready: 0, known: 0 }),
    });
    return metrics;
  }
  callObserver(metrics, undefined);
  if (service === "ingestor") ingestorMetrics(metrics, () => []);
  else if (service === "store") storeMetrics(metrics, () => ({ progress: [], rebuild: undefined }));
  else {
    readerMetrics(metrics);
    // Nothing is asked before the first scrape.
    new LagReport({ most: 1 } as LagOptions).define(metrics);
  }
  return metrics;
}

/** The tables of docs/operations.md. */
export function metricsTables(): string {
  const seen = new Map<string, { readonly metric: Described; readonly by: string[] }>();
  for (const service of services) {
    for (const metric of metricsOf(service).describe()) {
      const known = seen.get(metric.name);
      if (known === undefined) seen.set(metric.name, { metric, by: [service] });
      else known.by.push(service);
    }
  }
  const groups = new Map<string, Described[]>();
  for (const { metric, by } of seen.values()) {
    const title = by.length === services.length ? "Every service" : by.map(capital).join(" and ");
    groups.set(title, [...(groups.get(title) ?? []), metric]);
  }
  return [...groups]
    .toSorted(([a], [b]) => (a === "Every service" ? -1 : b === "Every service" ? 1 : a < b ? -1 : 1))
    .map(
      ([title, list]) => `### ${title}\n\n| metric | kind | labels | what |\n| --- | --- | --- | --- |\n${rows(list)}`,
    )
    .join("\n");
}

function rows(list: readonly Described[]): string {
  return list
    .map(({ name, type, labels, help }) => {
      const named = labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${named === "" ? "–" : named} | ${help} |\n`;
    })
    .join("");
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
