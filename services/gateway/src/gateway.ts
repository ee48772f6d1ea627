import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { reflectionServices } from "@apispool/common/reflection.js";
import { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import { startTelemetry } from "@apispool/common/telemetry.js";
import { WatchedTls } from "@apispool/common/watched-tls.js";
import { within } from "@apispool/common/within.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { Code } from "@connectrpc/connect";
import { Admission } from "./access/admission.js";
import { Audit } from "./access/audit.js";
import { Authenticator } from "./access/authenticator.js";
import { Guard } from "./access/guard.js";
import { RateLimiter } from "./access/rate-limiter.js";
import { openAccess } from "./access/settings.js";
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
import { boundedFetching } from "./limits/bounded-fetching.js";
import { Connections } from "./limits/connections.js";
import { namesTwoHosts } from "./limits/hosts.js";
import { refuse } from "./limits/refuse.js";
import { Requests } from "./limits/requests.js";
import { StalledAnswers } from "./limits/stalled.js";
import { mcpRoutes } from "./mcp/routes.js";
import { gatewayMetrics } from "./observe/gateway-metrics.js";
import { RequestObserver } from "./observe/request-observer.js";
import { RouteLabels } from "./observe/route-label.js";
import { PendingReceipts } from "./pending-receipts.js";
import type { Resolve } from "./reader-addresses.js";
import { readerUpstream } from "./reader-upstream.js";
import { Readers } from "./readers.js";
import { httpError } from "./problem.js";
import { Router, fail } from "./router.js";
import { watchStore } from "./store-health.js";
import { storeOff } from "./store-upstream.js";
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
  const { access = openAccess } = config;
  if (access.warning !== undefined) log.warn(access.warning);
  // Before anything is begun: who may do what is not known without it.
  const authenticator = access.file === undefined ? undefined : await Authenticator.open(access.file, log);
  const audit = new Audit(log);
  const controlLimit = access.controlLimit === undefined ? undefined : new RateLimiter(access.controlLimit);
  const guard = new Guard({ audit, controlLimit });
  const admission = new Admission({ settings: access, authenticator, audit });
  const serviceTls = config.serviceTls && new WatchedTls(config.serviceTls, log);
  const ingestor = connectTo(
    WorkerControl,
    { name: "ingestor", address: config.ingestorAddress },
    serviceTls && { watched: serviceTls },
  );
  const readers = new Readers({ places: config.readers, log, resolve, tls: serviceTls });
  const store =
    config.storeAddress === undefined
      ? undefined
      : connectTo(RecordStore, { name: "store", address: config.storeAddress }, serviceTls && { watched: serviceTls });
  const direct: Upstreams = { ingestor, reader: readerUpstream(readers), store: store ?? storeOff };
  const upstreams = guard.upstreams(direct);
  const health = new HealthState([WorkerControl.typeName, DataReader.typeName], [RecordStore.typeName]);
  const storeWatch = store && watchStore(store, health, log);
  const upstreamHealth = new UpstreamHealth(ingestor, readers, health, log);
  const pending = new PendingReceipts();
  const metrics = new Metrics();
  const counts = gatewayMetrics(metrics, {
    connections: () => servers.connections,
    bytes: () => servers.bytes,
    pendingReceipts: () => pending.size,
    readerProcesses: () => readers.count,
  });
  const shutdown = new AbortController();
  const { limits } = config;
  // What is not taken is not received either.
  const stallTimeoutMs = Math.min(limits.stallTimeoutMs, config.deliveryTimeoutMs);
  const connections = new Connections({ ...limits, maxConnections: config.maxConnections });
  const requests = new Requests(limits, connections, log);
  const stalled = new StalledAnswers(limits.stalledBytes);
  const delivery = guard.fetching(
    boundedFetching(new Delivery(direct.reader, pending, config.deliveryTimeoutMs, counts, limits.answerTimeoutMs)),
  );

  const router = new Router({
    ...jsonRoutes({
      upstreams,
      delivery,
      health,
      upstreamHealth,
      maxBodyBytes: config.maxBodyBytes,
      stallTimeoutMs,
      heartbeatMs: config.heartbeatMs,
      answerTimeoutMs: limits.answerTimeoutMs,
    }),
    ...consoleRoutes({ files: readConsoleFiles(), stallTimeoutMs }),
    ...docsRoutes({ files: readDocsFiles(), stallTimeoutMs }),
    ...mcpRoutes({ upstreams, delivery, maxBodyBytes: config.maxBodyBytes, stallTimeoutMs }),
  });
  const serve = connectRoutes({
    upstreams,
    delivery,
    health,
    maxBodyBytes: config.maxBodyBytes,
    jsonDepth: limits.jsonDepth,
    answerTimeoutMs: limits.answerTimeoutMs,
    shutdownSignal: shutdown.signal,
    stallTimeoutMs,
    fallback: (exchange) => {
      if (isGrpc(exchange.req)) answerUnimplemented(exchange);
      else void router.serve(exchange);
    },
  });
  const services = [WorkerControl, DataReader, RecordStore, Health, ...reflectionServices];
  const about = { log, shutdown: shutdown.signal, jsonDepth: limits.jsonDepth, stalled };
  const onRequest = (req: ServerRequest, res: ServerResponse, expectsContinue: boolean): void =>
    observer.serve(new Exchange(req, res, { ...about, expectsContinue }), (exchange) => {
      const passed = requests.enter(exchange);
      if (passed !== undefined) refuse(exchange, passed);
      else if (namesTwoHosts(req.rawHeaders)) {
        fail(exchange, httpError(400, "host", "is there more than once", { connection: "close" }));
      } else admission.serve(exchange, serve);
    });

  const servers = new HttpServers({ ...config, connections, log, onRequest });
  const telemetry = await startTelemetry("gateway", health, config.telemetry, log, metrics);
  const routes = new RouteLabels(router.paths, services);
  const observer = new RequestObserver({ metrics: counts, tracer: telemetry.tracer, routes });
  const port = await servers.listen(config.port, config.host);
  log.info(
    `listening on ${config.host}:${port}${config.tls === undefined ? "" : ", TLS,"} for HTTP/1.1, HTTP/2, gRPC, gRPC-Web and Connect`,
  );
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
      authenticator?.stop();
      await storeWatch?.stop();
      store?.close();
      ingestor.close();
      await readers.stop();
      serviceTls?.close();
      await telemetry.stop();
    },
  };
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
