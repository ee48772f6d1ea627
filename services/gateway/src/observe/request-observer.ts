import { Code } from "@connectrpc/connect";
import { codeName } from "@apispool/common/call-metrics.js";
import { type Tracer, traceparentHeader } from "@apispool/common/tracing.js";
import type { Exchange } from "../exchange.js";
import { onBehalfOf } from "./current-trace.js";
import type { GatewayMetrics } from "./gateway-metrics.js";
import type { RouteLabels } from "./route-label.js";

export interface RequestObserverOptions {
  readonly metrics: Pick<GatewayMetrics, "requests" | "open">;
  readonly tracer: Tracer | undefined;
  readonly routes: RouteLabels;
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Counts every request, and makes each a span where there are traces. */
export class RequestObserver {
  readonly #options: RequestObserverOptions;

  constructor(options: RequestObserverOptions) {
    this.#options = options;
  }

  /** Serves an exchange, and looks on. */
  serve(exchange: Exchange, serve: (exchange: Exchange) => void): void {
    const { metrics, tracer, routes } = this.#options;
    const { req, res } = exchange;
    const route = routes.of(req.url ?? "");
    const procedure = routes.isProcedure(route);
    const protocol = procedure ? protocolOf(req.headers["content-type"]) : "json";
    const method = methods.has(req.method ?? "") ? (req.method ?? "") : "other";
    const begin = performance.now();
    metrics.open.inc({ protocol });
    const given = req.headers[traceparentHeader];
    const span = tracer?.start(procedure ? route.slice(1) : `${method} ${route}`, {
      kind: "server",
      ...(typeof given === "string" ? { parent: given } : {}),
      attributes: { "http.request.method": method, "http.route": route, "network.protocol.name": protocol },
    });
    let finished = false;
    res.once("finish", () => (finished = true));
    res.once("close", () => {
      const code = codeOf(exchange, procedure, finished);
      metrics.open.dec({ protocol });
      metrics.requests.observe({ route, method, protocol, code }, (performance.now() - begin) / 1000);
      if (span === undefined) return;
      span.set({ "http.response.status_code": res.statusCode, "apispool.code": code });
      if (isFailure(code)) span.fail(code);
      span.end();
    });
    if (span === undefined) serve(exchange);
    else onBehalfOf(span, () => serve(exchange));
  }
}

function protocolOf(contentType = ""): string {
  if (contentType.startsWith("application/grpc-web")) return "grpc_web";
  return contentType.startsWith("application/grpc") ? "grpc" : "connect";
}

function codeOf({ res, rpcCode }: Exchange, procedure: boolean, finished: boolean): string {
  if (procedure && rpcCode !== undefined) return codeName(rpcCode);
  // Whoever is cut off, or goes, before the end has no whole answer.
  if (!finished) return procedure ? codeName(Code.Canceled) : "aborted";
  if (procedure && res.statusCode === 200) return "ok";
  return String(res.statusCode);
}

function isFailure(code: string): boolean {
  return /^5\d\d$/.test(code) || ["internal", "unknown", "unavailable", "data_loss"].includes(code);
}
