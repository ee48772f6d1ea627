import { kafkaObserver } from "@apispool/common/kafka-metrics.js";
import { BoundedLabel, type Counter, type Metrics, latencyBuckets } from "@apispool/common/metrics.js";
import type { ObserveKafka } from "@apispool/kafka-log/metered-log-reader.js";
import { type Progress, missingOf } from "./follower.js";
import type { ObserveStore } from "./metered-store.js";
import type { RebuildStanding } from "./projector.js";

/** More sources than that share the label "other". */
const MOST_SOURCES = 500;

/** What the store counts, by batch and never by record. */
export interface StoreMetrics {
  readonly sources: BoundedLabel;
  readonly kafka: ObserveKafka;
  readonly database: ObserveStore;
  readonly rows: Counter<"source">;
  readonly removed: Counter<"source">;
  readonly rebuilds: Counter<"outcome">;
  readonly stopped: Counter<"reason">;
}

/** Defines them. `standing` tells how far the projection is, and a rebuild. */
export function storeMetrics(
  metrics: Metrics,
  standing: () => { readonly progress: readonly Progress[]; readonly rebuild: RebuildStanding | undefined },
): StoreMetrics {
  const sources = new BoundedLabel(MOST_SOURCES);
  const duration = metrics.histogram({
    name: "apispool_store_request_duration_seconds",
    help: "What the store's database was asked for, by operation (write, forget, remove, query, versions, count) and outcome (ok, unavailable, error, given_up). A query or count takes several of them.",
    labels: ["operation", "outcome"],
    buckets: latencyBuckets,
  });
  metrics.gauge({
    name: "apispool_store_behind_offsets",
    help: "Offsets of Kafka that are not in the store yet, by source: at least as many as there are records.",
    labels: ["source"],
    collect(gauge) {
      for (const one of standing().progress) gauge.inc({ source: sources.of(one.source) }, missingOf(one));
    },
  });
  metrics.gauge({
    name: "apispool_store_rebuild_remaining_offsets",
    help: "Offsets that a rebuild of the store has yet to read; 0 where none is under way.",
    collect(gauge) {
      const { rebuild } = standing();
      gauge.set(rebuild === undefined ? 0 : rebuild.total - rebuild.done);
    },
  });
  return {
    sources,
    kafka: kafkaObserver(metrics),
    database: (operation, outcome, seconds) => duration.observe({ operation, outcome }, seconds),
    rows: metrics.counter({
      name: "apispool_store_records_written_total",
      help: "Records written to the store, by source; those of a rebuild and those that were there already among them.",
      labels: ["source"],
    }),
    removed: metrics.counter({
      name: "apispool_store_records_removed_total",
      help: "Records removed from the store because they were too old (STORE_TTL), by source.",
      labels: ["source"],
    }),
    rebuilds: metrics.counter({
      name: "apispool_store_rebuilds_total",
      help: "Rebuilds of the store that have ended, by outcome (complete, failed).",
      labels: ["outcome"],
    }),
    stopped: metrics.counter({
      name: "apispool_store_queries_stopped_total",
      help: "Queries and counts that looked at as many records (scan), or took as long (time), as one may.",
      labels: ["reason"],
    }),
  };
}
