import { type Metrics, latencyBuckets } from "./metrics.js";

/** What Kafka is asked for, as a histogram; the same in every service that asks it. */
export function kafkaObserver(metrics: Metrics): (operation: string, outcome: string, seconds: number) => void {
  const duration = metrics.histogram({
    name: "apispool_kafka_request_duration_seconds",
    help: "What Kafka was asked for, with all repeats, by operation and outcome (ok, unavailable, error, given_up). Long polls wait on purpose.",
    labels: ["operation", "outcome"],
    buckets: latencyBuckets,
  });
  return (operation, outcome, seconds) => duration.observe({ operation, outcome }, seconds);
}
