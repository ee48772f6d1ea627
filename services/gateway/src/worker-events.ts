import type { WatchStatusResponse } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { encodingFor } from "./accept-encoding.js";
import { eventText } from "./event-text.js";
import { eventStreamHead, serveEvents } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import type { JsonOptions } from "./json-routes.js";
import { routesOf, serve } from "./openapi/operation.js";
import { getWorkerEvents, headWorkerEvents } from "./openapi/worker-api.js";
import type { Routes } from "./router.js";
import { fromUpstream } from "./upstream-error.js";
import { workerSource } from "./worker-json.js";

/** `/worker/events`: the status of the sources as events, all of them at once and then each that changes. */
export function workerEvents(options: JsonOptions): Routes {
  const { ingestor } = options.upstreams;
  async function* statuses({ signal, requestId }: Exchange, sources: string[]): AsyncGenerator<WatchStatusResponse> {
    try {
      yield* ingestor.client.watchStatus({ sources }, { signal, headers: { "x-request-id": requestId } });
    } catch (error) {
      throw fromUpstream(error, ingestor, signal);
    }
  }
  return routesOf(
    serve(getWorkerEvents, async (exchange, { query }) => {
      const items = statuses(exchange, query.source ?? []);
      await serveEvents(exchange, items, ({ sources }) => eventText({ sources: sources.map(workerSource) }), {
        encoding: encodingFor(exchange.req.headers["accept-encoding"]),
        stallTimeoutMs: options.stallTimeoutMs,
        heartbeatMs: options.heartbeatMs,
      });
    }),
    serve(headWorkerEvents, (exchange) => {
      const { coding } = encodingFor(exchange.req.headers["accept-encoding"]);
      exchange.answered();
      const coded = coding === "identity" ? {} : { "content-encoding": coding };
      exchange.res.writeHead(200, { ...eventStreamHead, ...coded });
      exchange.res.end();
    }),
  );
}
