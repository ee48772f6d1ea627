import type { WatchStatusResponse } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { negotiate } from "./accept.js";
import { encodingFor } from "./accept-encoding.js";
import { eventText } from "./event-text.js";
import { eventStreamHead, serveEvents } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import { type JsonOptions, sourcesFromQuery } from "./json-routes.js";
import { httpError } from "./problem.js";
import type { Route } from "./router.js";
import { fromUpstream } from "./upstream-error.js";
import { workerSource } from "./worker-json.js";

/** `/worker/events`: the status of the sources as events, all of them at once and then each that changes. */
export function workerEvents(options: JsonOptions): Readonly<Record<string, Route>> {
  const { ingestor } = options.upstreams;
  async function* statuses({ signal, requestId }: Exchange, sources: string[]): AsyncGenerator<WatchStatusResponse> {
    try {
      yield* ingestor.client.watchStatus({ sources }, { signal, headers: { "x-request-id": requestId } });
    } catch (error) {
      throw fromUpstream(error, ingestor, signal);
    }
  }
  return {
    async GET(exchange, { query }) {
      const encoding = eventEncoding(exchange);
      const items = statuses(exchange, sourcesFromQuery(query));
      await serveEvents(exchange, items, ({ sources }) => eventText({ sources: sources.map(workerSource) }), {
        encoding,
        stallTimeoutMs: options.stallTimeoutMs,
        heartbeatMs: options.heartbeatMs,
      });
    },
    HEAD(exchange, { query }) {
      const { coding } = eventEncoding(exchange);
      sourcesFromQuery(query);
      exchange.answered();
      const coded = coding === "identity" ? {} : { "content-encoding": coding };
      exchange.res.writeHead(200, { ...eventStreamHead, ...coded });
      exchange.res.end();
    },
  };
}

function eventEncoding({ req: { headers } }: Exchange) {
  if (negotiate(headers.accept, ["text/event-stream"]) === undefined) {
    throw httpError(406, "accept", `"${headers.accept}" cannot be had; text/event-stream can`);
  }
  return encodingFor(headers["accept-encoding"]);
}
