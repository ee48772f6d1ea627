import { setTimeout as sleep } from "node:timers/promises";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { Code } from "@connectrpc/connect";
import type { GatewayConfig } from "./config.js";
import { connectRoutes } from "./connect-routes.js";
import { readConsoleFiles } from "./console-files.js";
import { consoleRoutes } from "./console-routes.js";
import { Delivery } from "./delivery.js";
import { Exchange, type ServerRequest, type ServerResponse } from "./exchange.js";
import { readDocsFiles } from "./openapi/docs-files.js";
import { docsRoutes } from "./openapi/docs-routes.js";
import { HttpServers } from "./http-servers.js";
import { jsonRoutes } from "./json-routes.js";
import { mcpRoutes } from "./mcp/routes.js";
import { PendingReceipts } from "./pending-receipts.js";
import type { Resolve } from "./reader-addresses.js";
import { readerUpstream } from "./reader-upstream.js";
import { Readers } from "./readers.js";
import { Router } from "./router.js";
import { type Upstreams, connectTo } from "./upstream.js";
import { UpstreamHealth } from "./upstream-health.js";

/** How long requests under way and responses without a receipt are given at the end, in milliseconds. */
const graceMs = 2000;

/** How long clients are given after that to take what they were told last, in milliseconds. */
const farewellMs = 500;

/**
 * Starts the gateway; it listens at once and is ready as soon as the ingestor and a reader behind it are. `resolve` looks up
 * the names among the readers' addresses; the system does unless it is given.
 */
export async function startGateway(config: GatewayConfig, log: Logger, resolve?: Resolve): Promise<RunningServer> {
  const ingestor = connectTo(WorkerControl, { name: "ingestor", address: config.ingestorAddress });
  const readers = new Readers({ places: config.readers, log, resolve });
  const upstreams: Upstreams = { ingestor, reader: readerUpstream(readers) };
  const health = new HealthState([WorkerControl.typeName, DataReader.typeName]);
  const upstreamHealth = new UpstreamHealth(ingestor, readers, health, log);
  const pending = new PendingReceipts();
  const delivery = new Delivery(upstreams.reader, pending, config.deliveryTimeoutMs);
  const shutdown = new AbortController();

  const router = new Router({
    ...jsonRoutes({
      upstreams,
      delivery,
      health,
      upstreamHealth,
      maxBodyBytes: config.maxBodyBytes,
      stallTimeoutMs: config.deliveryTimeoutMs,
      heartbeatMs: config.heartbeatMs,
    }),
    ...consoleRoutes({ files: readConsoleFiles(), stallTimeoutMs: config.deliveryTimeoutMs }),
    ...mcpRoutes({
      upstreams,
      delivery,
      maxBodyBytes: config.maxBodyBytes,
      stallTimeoutMs: config.deliveryTimeoutMs,
    }),
    ...docsRoutes({ files: readDocsFiles(), stallTimeoutMs: config.deliveryTimeoutMs }),
  });
  const serve = connectRoutes({
    upstreams,
    delivery,
    health,
    maxBodyBytes: config.maxBodyBytes,
    shutdownSignal: shutdown.signal,
    stallTimeoutMs: config.deliveryTimeoutMs,
    fallback: (exchange) => {
      if (isGrpc(exchange.req)) answerUnimplemented(exchange);
      else void router.serve(exchange);
    },
  });
  const onRequest = (req: ServerRequest, res: ServerResponse, expectsContinue: boolean): void =>
    serve(new Exchange(req, res, { log, shutdown: shutdown.signal, expectsContinue }));

  const servers = new HttpServers({ ...config, onRequest });
  const port = await servers.listen(config.port, config.host);
  log.info(`listening on ${config.host}:${port} for HTTP/1.1, HTTP/2, gRPC, gRPC-Web and Connect`);
  return {
    port,
    async stop() {
      upstreamHealth.beginStop();
      servers.beginStop();
      pending.nudgeAll();
      const drained = servers.drained().then(() => pending.idle());
      if (!(await within(graceMs, drained))) {
        shutdown.abort(
          rpcError(Code.Unavailable, "SHUTTING_DOWN", "the gateway is stopping; call again", { retryAfterMs: 1000 }),
        );
        await within(farewellMs, drained);
      }
      servers.destroy();
      await within(farewellMs, pending.idle());
      await upstreamHealth.stop();
      ingestor.close();
      await readers.stop();
    },
  };
}

/** Whether a promise was fulfilled in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  try {
    return await Promise.race([promise.then(() => true), sleep(ms, false, { signal: late.signal }).catch(() => false)]);
  } finally {
    late.abort();
  }
}

function isGrpc(req: ServerRequest): boolean {
  return /^application\/grpc(\+|;|$)/.test(req.headers["content-type"] ?? "");
}

/** A gRPC client understands only a gRPC status; one in the headers ends the call ("trailers-only"). */
function answerUnimplemented({ req, res }: Exchange): void {
  res.writeHead(200, {
    "content-type": "application/grpc",
    "grpc-status": String(Code.Unimplemented),
    "grpc-message": encodeURIComponent(`no method ${req.url ?? ""} here`),
  });
  res.end();
}
