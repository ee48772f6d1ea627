import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { HealthState } from "./health.js";
import type { Logger } from "./logger.js";
import type { Metrics } from "./metrics.js";
import type { Running } from "./service-main.js";
import type { MetricsAddress } from "./telemetry-settings.js";

export interface AdminOptions extends MetricsAddress {
  readonly metrics: Metrics;
  readonly health: HealthState;
  readonly log: Logger;
}

export interface RunningAdmin extends Running {
  readonly port: number;
}

/**
 * For those who operate a service, on a port that no client needs: `/metrics`, `/livez` (the process answers; says nothing of
 * Kafka) and `/readyz` (it can do its work).
 */
export async function startAdmin({ address, anyPort, metrics, health, log }: AdminOptions): Promise<RunningAdmin> {
  const server = http.createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (req, res) => {
    void answer(req, metrics, health).then(({ status, type, body, headers }) => {
      res.writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers });
      res.end(req.method === "HEAD" ? undefined : body);
    });
  });
  server.maxConnections = 100;
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(at + 1));
  try {
    await listen(server, port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!anyPort || code !== "EADDRINUSE") {
      throw new Error(`METRICS_ADDRESS: cannot listen on ${address}: ${code ?? String(error)}`, { cause: error });
    }
    await listen(server, 0, host);
  }
  const taken = (server.address() as AddressInfo).port;
  log.info(`metrics on ${host.includes(":") ? `[${host}]` : host}:${taken}`);
  return {
    port: taken,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close").catch(() => undefined);
    },
  };
}

async function listen(server: http.Server, port: number, host: string): Promise<void> {
  server.listen({ port, host });
  await once(server, "listening");
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Never rejects. */
async function answer(req: http.IncomingMessage, metrics: Metrics, health: HealthState): Promise<Answer> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    return {
      ...problem(405, `${req.method ?? ""} is not possible here; GET and HEAD are`),
      headers: { allow: "GET, HEAD" },
    };
  }
  switch ((req.url ?? "").split("?", 1)[0]) {
    case "/metrics":
      try {
        return { status: 200, type: metrics.contentType, body: await metrics.text() };
      } catch {
        return problem(500, "the metrics could not be collected");
      }
    case "/livez":
      return json(200, { status: "alive" });
    case "/readyz":
      return health.serving
        ? json(200, { status: "ready" })
        : { ...problem(503, health.problem), headers: { "retry-after": "1" } };
    default:
      return problem(404, "known are /metrics, /livez and /readyz");
  }
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json; charset=utf-8", body: `${JSON.stringify(value)}\n` };
}

function problem(status: number, detail: string): Answer {
  const body = { type: "about:blank", title: http.STATUS_CODES[status] ?? "", status, detail };
  return { status, type: "application/problem+json", body: `${JSON.stringify(body)}\n` };
}
