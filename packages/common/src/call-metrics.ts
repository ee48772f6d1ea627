import { Code } from "@connectrpc/connect";
import type { CallObserver } from "./grpc-server.js";
import type { Metrics } from "./metrics.js";
import { type Tracer, traceparentHeader } from "./tracing.js";

/** A code's name as gRPC's tools write it, in lower case: `ok`, `unavailable`, `deadline_exceeded`. */
export function codeName(code: Code | undefined): string {
  if (code === undefined) return "ok";
  return (Code[code] ?? "unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** Counts a gRPC server's calls, and makes each a span where there are traces. */
export function callObserver(metrics: Metrics, tracer: Tracer | undefined): CallObserver {
  const duration = metrics.histogram({
    name: "apispool_rpc_duration_seconds",
    help: "gRPC calls that have ended, from the request to the status, by method and status. A live tail lasts as long as its client.",
    labels: ["service", "method", "code"],
  });
  const open = metrics.gauge({
    name: "apispool_rpc_open",
    help: "gRPC calls under way.",
    labels: ["service", "method"],
  });
  return (method, metadata) => {
    const labels = { service: method.parent.typeName, method: method.name };
    const begin = performance.now();
    open.inc(labels);
    const [parent] = tracer === undefined ? [] : metadata.get(traceparentHeader);
    const span = tracer?.start(`${labels.service}/${labels.method}`, {
      kind: "server",
      ...(typeof parent === "string" ? { parent } : {}),
      attributes: { "rpc.system": "grpc", "rpc.service": labels.service, "rpc.method": labels.method },
    });
    return {
      span,
      end(code) {
        open.dec(labels);
        duration.observe({ ...labels, code: codeName(code) }, (performance.now() - begin) / 1000);
        if (span === undefined) return;
        span.set({ "rpc.grpc.status_code": code ?? 0 });
        if (code !== undefined && code !== Code.Canceled) span.fail(codeName(code));
        span.end();
      },
    };
  };
}
