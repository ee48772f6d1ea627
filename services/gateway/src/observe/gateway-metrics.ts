import { type Counter, type Gauge, type Histogram, type Metrics, latencyBuckets } from "@apispool/common/metrics.js";

/** What is asked at every scrape. */
export interface GatewaySights {
  readonly connections: () => Readonly<Record<"http1" | "http2", number>>;
  readonly bytes: () => { readonly received: number; readonly sent: number };
  readonly pendingReceipts: () => number;
  readonly readerProcesses: () => { readonly ready: number; readonly known: number };
}

/** What the gateway counts, by request and by batch and never by record. */
export interface GatewayMetrics {
  readonly requests: Histogram<"route" | "method" | "protocol" | "code">;
  readonly open: Gauge<"protocol">;
  readonly streams: Gauge;
  readonly batches: Counter;
  readonly batchBytes: Counter;
  readonly receipts: Counter<"outcome">;
}

/** Defines them. */
export function gatewayMetrics(metrics: Metrics, sights: GatewaySights): GatewayMetrics {
  metrics.gauge({
    name: "apispool_connections",
    help: "Connections of clients that are open, by protocol: http1, http2.",
    labels: ["protocol"],
    collect: (gauge) => {
      for (const [protocol, count] of Object.entries(sights.connections())) gauge.set({ protocol }, count);
    },
  });
  metrics.counter({
    name: "apispool_network_bytes_total",
    help: "Bytes on the clients' connections, by direction: received, sent.",
    labels: ["direction"],
    collect: (counter) => {
      const { received, sent } = sights.bytes();
      counter.inc({ direction: "received" }, received);
      counter.inc({ direction: "sent" }, sent);
    },
  });
  metrics.gauge({
    name: "apispool_receipts_pending",
    help: "Responses handed over of which it is not known, or not acknowledged yet, that the client has them.",
    collect: (gauge) => gauge.set(sights.pendingReceipts()),
  });
  metrics.gauge({
    name: "apispool_reader_processes",
    help: "Reader processes behind the gateway, by state: ready, not_ready.",
    labels: ["state"],
    collect: (gauge) => {
      const { ready, known } = sights.readerProcesses();
      gauge.set({ state: "ready" }, ready);
      gauge.set({ state: "not_ready" }, known - ready);
    },
  });
  return {
    requests: metrics.histogram({
      name: "apispool_http_request_duration_seconds",
      help: "Requests that have ended, to the last byte of the answer, by route, method, protocol (json, grpc, grpc_web, connect) and code: the HTTP status, for RPCs the gRPC status, or aborted. A stream lasts as long as its client.",
      labels: ["route", "method", "protocol", "code"],
      buckets: latencyBuckets,
    }),
    open: metrics.gauge({
      name: "apispool_http_requests_open",
      help: "Requests under way, streams among them, by protocol.",
      labels: ["protocol"],
    }),
    streams: metrics.gauge({
      name: "apispool_upstream_fetches_open",
      help: "Fetches from reader processes that are open, leases that wait for their receipt among them.",
    }),
    batches: metrics.counter({
      name: "apispool_batches_forwarded_total",
      help: "Batches of records that came from reader processes and were handed on.",
    }),
    batchBytes: metrics.counter({
      name: "apispool_batch_bytes_forwarded_total",
      help: "Bytes of those batches.",
    }),
    receipts: metrics.counter({
      name: "apispool_receipts_total",
      help: "Responses with records by what became of them: received (there is evidence), lost (their records come again), unacknowledged (received, but it could not be put on record).",
      labels: ["outcome"],
    }),
  };
}
