import type { HealthState } from "@apispool/common/health.js";
import { type CallOptions, Code } from "@connectrpc/connect";
import { type FieldProblem, invalidArgument, rpcError } from "@apispool/common/errors.js";
import { dataRoutes } from "./data-routes.js";
import { deadLetterRoutes } from "./dead-letter-routes.js";
import type { Delivery } from "./delivery.js";
import { workerEvents } from "./worker-events.js";
import { readJsonObject, unknownFields, type JsonObject } from "./json-body.js";
import { shown } from "./json-text.js";
import { readerRoutes } from "./reader-routes.js";
import { type Routes, answerJson, answerJsonText } from "./router.js";
import type { Upstreams } from "./upstream.js";
import { fromUpstream } from "./upstream-error.js";
import type { UpstreamHealth } from "./upstream-health.js";
import { triedSource, workerSource } from "./worker-json.js";

export interface JsonOptions {
  readonly upstreams: Upstreams;
  readonly delivery: Delivery;
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
    "/worker": {
      async GET(exchange, { query }) {
        const sources = sourcesFromQuery(query);
        const { signal, requestId } = exchange;
        const call = { signal, headers: { "x-request-id": requestId }, timeoutMs: answerTimeoutMs };
        try {
          const answer = await ingestor.client.getStatus({ sources }, call);
          await answerJson(exchange, { sources: answer.sources.map(workerSource) });
        } catch (error) {
          throw fromUpstream(error, ingestor, signal);
        }
      },
      async POST(exchange) {
        const { command, sources } = workerCommand(await readJsonObject(exchange, maxBodyBytes));
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
    },
    "/worker/events": workerEvents(options),
    ...deadLetterRoutes(options),
    ...dataRoutes(options),
    ...readerRoutes(options),
    "/livez": { GET: (exchange) => answerJson(exchange, { status: "alive" }) },
    "/readyz": {
      GET(exchange) {
        if (health.serving) return answerJson(exchange, { status: "ready" });
        throw rpcError(Code.Unavailable, "SERVICE_UNAVAILABLE", upstreamHealth.problems.join("; "), {
          retryAfterMs: 1000,
        });
      },
    },
  };
}

const commands = ["start", "stop", "test"] as const;

/** What `POST /worker` is told; throws INVALID_ARGUMENT that names everything that is wrong. */
export function workerCommand(body: JsonObject): { command: (typeof commands)[number]; sources: string[] } {
  const problems: FieldProblem[] = unknownFields(body, ["command", "sources"]);
  const allowed = `must be one of ${commands.map((c) => `"${c}"`).join(", ")}`;
  const command = commands.find((c) => c === body["command"]);
  if (command === undefined) {
    const given = body["command"];
    problems.push({
      field: "command",
      problem: given === undefined ? `is missing; it ${allowed}` : `is ${shown(given)}; it ${allowed}`,
    });
  }
  const sources: string[] = [];
  const list: unknown = body["sources"] ?? [];
  if (!Array.isArray(list)) {
    problems.push({
      field: "sources",
      problem: `is ${shown(list)}; it must be a list of names, or be left out for all sources`,
    });
  } else {
    for (const [index, item] of list.entries()) {
      if (typeof item === "string" && item !== "") sources.push(item);
      else problems.push({ field: `sources[${index}]`, problem: `is ${shown(item)}; it must be the name of a source` });
    }
  }
  if (command === undefined || problems.length > 0) throw invalidArgument(problems);
  return { command, sources };
}

/** The query of `/worker` and what is below it; throws INVALID_ARGUMENT. */
export function sourcesFromQuery(query: URLSearchParams): string[] {
  const unknown = [...new Set(query.keys())].filter((name) => name !== "source");
  if (unknown.length > 0)
    throw invalidArgument(unknown.map((field) => ({ field, problem: "is unknown; known is source" })));
  return query.getAll("source");
}
