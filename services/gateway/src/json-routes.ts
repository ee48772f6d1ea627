import type { HealthState } from "@apispool/common/health.js";
import { type CallOptions, Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { dataRoutes } from "./data-routes.js";
import { deadLetterRoutes } from "./dead-letter-routes.js";
import type { Fetching } from "./delivery.js";
import { workerEvents } from "./worker-events.js";
import { routesOf, serve } from "./openapi/operation.js";
import { getLivez, getReadyz } from "./openapi/own-api.js";
import { getWorker, postWorker } from "./openapi/worker-api.js";
import { readerRoutes } from "./reader-routes.js";
import { recordsRoutes } from "./records-routes.js";
import { type Routes, answerJson, answerJsonText } from "./router.js";
import type { Upstreams } from "./upstream.js";
import { fromUpstream } from "./upstream-error.js";
import type { UpstreamHealth } from "./upstream-health.js";
import { triedSource, workerSource } from "./worker-json.js";

export interface JsonOptions {
  readonly upstreams: Upstreams;
  readonly delivery: Fetching;
  readonly health: HealthState;
  readonly upstreamHealth: UpstreamHealth;
  readonly maxBodyBytes: number;
  /** How long a client may take no byte of an answer, in milliseconds. */
  readonly stallTimeoutMs: number;
  /** How long an event stream may say nothing, in milliseconds. */
  readonly heartbeatMs: number;
  /** How long a service may take over its answer, in milliseconds. Stop waits for a poll under way. */
  readonly answerTimeoutMs: number;
}

/** Every path of the JSON API. */
export function jsonRoutes(options: JsonOptions): Routes {
  const { upstreams, health, upstreamHealth, maxBodyBytes, answerTimeoutMs } = options;
  const { ingestor } = upstreams;
  const everySource = async (call: CallOptions): Promise<readonly string[]> =>
    (await ingestor.client.getStatus({}, call)).sources.map(({ source }) => source);
  return {
    ...routesOf(
      serve(getWorker, async (exchange, { query }) => {
        const { signal, requestId } = exchange;
        const call = { signal, headers: { "x-request-id": requestId }, timeoutMs: answerTimeoutMs };
        try {
          const answer = await ingestor.client.getStatus({ sources: query.source ?? [] }, call);
          await answerJson(exchange, { sources: answer.sources.map(workerSource) });
        } catch (error) {
          throw fromUpstream(error, ingestor, signal);
        }
      }),
      serve(
        postWorker,
        async (exchange, { body: { command, sources = [] } }) => {
          const { signal, requestId } = exchange;
          const call = { signal, headers: { "x-request-id": requestId }, timeoutMs: answerTimeoutMs };
          try {
            if (command === "test") {
              const names = sources.length > 0 ? sources : await everySource(call);
              const tried = await Promise.all(
                names.map(async (source) => triedSource(source, await ingestor.client.trySource({ source }, call))),
              );
              await answerJsonText(exchange, `{"sources":[${tried.join(",")}]}`);
              return;
            }
            const answer = await ingestor.client[command]({ sources }, call);
            await answerJson(exchange, { sources: answer.sources.map(workerSource) });
          } catch (error) {
            throw fromUpstream(error, ingestor, signal);
          }
        },
        { maxBodyBytes },
      ),
    ),
    ...workerEvents(options),
    ...deadLetterRoutes(options),
    ...dataRoutes(options),
    ...readerRoutes(options),
    ...recordsRoutes(options),
    ...routesOf(
      serve(getLivez, (exchange) => answerJson(exchange, { status: "alive" })),
      serve(getReadyz, (exchange) => {
        if (health.serving) return answerJson(exchange, { status: "ready" });
        throw rpcError(Code.Unavailable, "SERVICE_UNAVAILABLE", upstreamHealth.problems.join("; "), {
          retryAfterMs: 1000,
        });
      }),
    ),
  };
}
