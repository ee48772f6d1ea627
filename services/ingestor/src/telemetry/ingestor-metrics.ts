import { kafkaObserver } from "@apispool/common/kafka-metrics.js";
import {
  BoundedLabel,
  type Counter,
  type Gauge,
  type Histogram,
  type Metrics,
  coarseBuckets,
} from "@apispool/common/metrics.js";
import type { ObserveKafka } from "@apispool/kafka-log/metered-log-reader.js";
import type { WorkerState, WorkerStatus } from "../worker/worker-status.js";

/** More sources than that share the label "other". */
const MOST_SOURCES = 1000;

/** A source of which this process knows, and whether it is its own to poll. */
export interface KnownSource {
  readonly held: boolean;
  readonly status: WorkerStatus;
}

/** What the ingestor counts, by poll and by transaction and never by record. */
export interface IngestorMetrics {
  readonly sources: BoundedLabel;
  readonly kafka: ObserveKafka;
  readonly polls: Counter<"source" | "outcome">;
  readonly duration: Histogram<"source">;
  readonly errors: Counter<"source" | "kind">;
  readonly retries: Counter<"source" | "kind">;
  readonly lateness: Gauge<"source">;
  readonly records: Counter<"source">;
  readonly bytes: Counter<"source">;
  readonly duplicates: Counter<"source">;
  readonly deadLetters: Counter<"source">;
  readonly transactions: Histogram<"outcome">;
}

const states: Readonly<Record<WorkerState["kind"] | "elsewhere", true>> = {
  stopped: true,
  waiting: true,
  recovering: true,
  idle: true,
  polling: true,
  backing_off: true,
  elsewhere: true,
};

/** Defines them; `known` is asked at every scrape. */
export function ingestorMetrics(metrics: Metrics, known: () => readonly KnownSource[]): IngestorMetrics {
  const sources = new BoundedLabel(MOST_SOURCES);
  metrics.gauge({
    name: "apispool_sources",
    help: "Sources by what this process does with them: stopped, waiting, recovering, idle, polling, backing_off, or elsewhere (another ingestor polls it).",
    labels: ["state"],
    collect: (gauge) => {
      const counts = new Map(Object.keys(states).map((state) => [state, 0]));
      for (const { held, status } of known()) {
        const state = held ? status.state.kind : "elsewhere";
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      for (const [state, count] of counts) gauge.set({ state }, count);
    },
  });
  metrics.gauge({
    name: "apispool_source_consecutive_failures",
    help: "Polls of a source that have failed since the last one that did not; of the sources that this process polls.",
    labels: ["source"],
    collect: (gauge) => {
      for (const { held, status } of known()) {
        if (held) gauge.set({ source: sources.of(status.source) }, status.counters.consecutiveFailures);
      }
    },
  });
  metrics.gauge({
    name: "apispool_source_last_success_timestamp_seconds",
    help: "When a poll of a source last succeeded, in seconds since 1970; of the sources that this process polls.",
    labels: ["source"],
    collect: (gauge) => {
      for (const { held, status } of known()) {
        const { lastSuccessAt } = status.counters;
        if (held && lastSuccessAt !== undefined) gauge.set({ source: sources.of(status.source) }, lastSuccessAt / 1000);
      }
    },
  });
  return {
    sources,
    kafka: kafkaObserver(metrics),
    polls: metrics.counter({
      name: "apispool_polls_total",
      help: "Polls that have ended, by source and outcome: news, nothing_new, not_modified, failed, stopped, outdated, fenced.",
      labels: ["source", "outcome"],
    }),
    duration: metrics.histogram({
      name: "apispool_poll_duration_seconds",
      help: "How long polls took, all their pages and transactions included, by source.",
      labels: ["source"],
      buckets: coarseBuckets,
    }),
    errors: metrics.counter({
      name: "apispool_poll_errors_total",
      help: "Polls that failed, by source and kind: what the API did (unauthorized, throttled, server, timeout, network, malformed …), or kafka.",
      labels: ["source", "kind"],
    }),
    retries: metrics.counter({
      name: "apispool_poll_retries_total",
      help: "Requests that failed and were made again within a poll, by source and kind.",
      labels: ["source", "kind"],
    }),
    lateness: metrics.gauge({
      name: "apispool_poll_lateness_seconds",
      help: "By how much the last poll of a source began after it was due.",
      labels: ["source"],
    }),
    records: metrics.counter({
      name: "apispool_records_written_total",
      help: "Records written to Kafka, by source.",
      labels: ["source"],
    }),
    bytes: metrics.counter({
      name: "apispool_record_bytes_written_total",
      help: "Bytes of the JSON of those records, by source.",
      labels: ["source"],
    }),
    duplicates: metrics.counter({
      name: "apispool_duplicates_dropped_total",
      help: "Records that the API gave again as they were, and that were not written again, by source.",
      labels: ["source"],
    }),
    deadLetters: metrics.counter({
      name: "apispool_dead_letters_total",
      help: "Items that could not become records and went to the dead-letter topic, by source.",
      labels: ["source"],
    }),
    transactions: metrics.histogram({
      name: "apispool_transaction_duration_seconds",
      help: "Kafka transactions in which records and the progress behind them were written, by outcome: ok, error.",
      labels: ["outcome"],
    }),
  };
}
