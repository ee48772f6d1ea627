import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { kafkaObserver } from "@apispool/common/kafka-metrics.js";
import { BoundedLabel, type Counter, type Gauge, type Histogram, type Metrics } from "@apispool/common/metrics.js";
import type { ObserveKafka } from "@apispool/kafka-log/metered-log-reader.js";

/** More sources than that share the label "other". */
const MOST_SOURCES = 500;

/** How records are asked for: `fetch` up to the end, `live` on and on, `replay` from a place and moving nobody. */
export type Mode = "fetch" | "live" | "replay";

/** What the reader counts, by batch and never by record. */
export interface ReaderMetrics {
  readonly sources: BoundedLabel;
  readonly kafka: ObserveKafka;
  readonly open: Gauge<"mode">;
  readonly firstAnswer: Histogram<"mode">;
  readonly latency: Histogram<"mode">;
  readonly records: Counter<"source">;
  readonly bytes: Counter;
  readonly batches: Counter<"mode">;
  readonly acknowledgements: Counter<"outcome">;
  readonly gaps: Counter<"reason">;
  readonly lostOffsets: Counter<"reason">;
}

/** Defines them. */
export function readerMetrics(metrics: Metrics): ReaderMetrics {
  return {
    sources: new BoundedLabel(MOST_SOURCES),
    kafka: kafkaObserver(metrics),
    open: metrics.gauge({
      name: "apispool_fetches_open",
      help: "Fetches that records are being handed to, by mode: fetch, live, replay.",
      labels: ["mode"],
    }),
    firstAnswer: metrics.histogram({
      name: "apispool_fetch_first_batch_seconds",
      help: "From a fetch's request to its first batch, by mode; a wait for the first record that was asked for counts.",
      labels: ["mode"],
    }),
    latency: metrics.histogram({
      name: "apispool_delivery_latency_seconds",
      help: "From the time at which a record was written to its hand-over: of each batch the oldest record. Of a backlog this is its age.",
      labels: ["mode"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
    }),
    records: metrics.counter({
      name: "apispool_records_delivered_total",
      help: "Records handed over, by source; again where they were delivered again.",
      labels: ["source"],
    }),
    bytes: metrics.counter({
      name: "apispool_bytes_delivered_total",
      help: "Bytes of the messages in which records were handed over.",
    }),
    batches: metrics.counter({
      name: "apispool_batches_delivered_total",
      help: "Batches handed over, by mode; those that tell only how far reading has come count too.",
      labels: ["mode"],
    }),
    acknowledgements: metrics.counter({
      name: "apispool_acknowledgements_total",
      help: "Acknowledgements by outcome: moved, unchanged (it was behind the position), failed.",
      labels: ["outcome"],
    }),
    gaps: metrics.counter({
      name: "apispool_gaps_total",
      help: "Gaps told to readers: records that Kafka had and has no more, or that cannot be read; by reason.",
      labels: ["reason"],
    }),
    lostOffsets: metrics.counter({
      name: "apispool_gap_offsets_total",
      help: "Offsets in those gaps, markers of transactions among them; by reason.",
      labels: ["reason"],
    }),
  };
}

/** A gap's reason as a label. */
export function reasonLabel(reason: GapReason): string {
  const [name = "unspecified"] = Object.entries(GapReason).find(([, value]) => value === reason) ?? [];
  return name.toLowerCase();
}
