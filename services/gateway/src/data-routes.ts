import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { negotiate } from "./accept.js";
import { type DataQuery, dataQueryFromBody, dataQueryFromUrl, withoutEffect } from "./data-query.js";
import { type DataWriter, JsonDataWriter, NdjsonDataWriter, positionJson } from "./data-text.js";
import type { Exchange } from "./exchange.js";
import { readJsonObject, unknownFields, type JsonObject } from "./json-body.js";
import type { JsonOptions } from "./json-routes.js";
import { shown } from "./json-text.js";
import { httpError } from "./problem.js";
import { type Routes, answerJson } from "./router.js";
import { fromUpstream } from "./upstream-error.js";
import { end, write } from "./write.js";

const mediaTypes = ["application/json", "application/x-ndjson"] as const;

/** `/data` and what belongs to it. */
export function dataRoutes(options: JsonOptions): Routes {
  const { upstreams, maxBodyBytes } = options;
  const { reader } = upstreams;
  return {
    "/data": {
      GET: (exchange, { query }) => {
        const writer = writerFor(exchange);
        const asked = dataQueryFromUrl(query);
        const parsed = isPrefetch(exchange) ? withoutEffect(asked) : asked;
        return deliver(exchange, parsed, writer(parsed), options);
      },
      HEAD: (exchange, { query }) => {
        // Says what a GET would look like. It fetches nothing, so it can acknowledge nothing.
        const { contentType } = writerFor(exchange)(dataQueryFromUrl(query));
        exchange.answered();
        exchange.res.writeHead(200, headOf(contentType));
        exchange.res.end();
      },
      POST: async (exchange) => {
        const writer = writerFor(exchange);
        const parsed = dataQueryFromBody(await readJsonObject(exchange, maxBodyBytes));
        return deliver(exchange, parsed, writer(parsed), options);
      },
    },
    "/data/ack": {
      async POST(exchange) {
        const request = acknowledgement(await readJsonObject(exchange, maxBodyBytes));
        const { signal, requestId } = exchange;
        try {
          const call = { signal, headers: { "x-request-id": requestId }, timeoutMs: 30_000 };
          const { changed, positions } = await reader.client.acknowledge(request, call);
          answerJson(exchange, { changed, positions: positions.map(positionJson) });
        } catch (error) {
          throw fromUpstream(error, reader, signal);
        }
      },
    },
  };
}

/** The writer that the Accept header asks for. */
function writerFor(exchange: Exchange): (query: DataQuery) => DataWriter {
  const accept = exchange.req.headers.accept;
  const type = negotiate(accept, mediaTypes);
  if (type === undefined) {
    throw httpError(406, "accept", `"${accept}" cannot be had; ${mediaTypes.join(" and ")} can`);
  }
  return type === "application/json"
    ? () => new JsonDataWriter()
    : ({ manual }) => new NdjsonDataWriter({ cursorLine: manual });
}

/** Whether nobody has asked yet (`Sec-Purpose` of the Fetch standard, and what browsers sent before it). */
function isPrefetch({ req: { headers } }: Exchange): boolean {
  return ["sec-purpose", "purpose", "x-purpose", "x-moz"].some((name) =>
    /\b(prefetch|prerender|preview)\b/i.test(String(headers[name] ?? "")),
  );
}

function headOf(contentType: string): Record<string, string> {
  return { "content-type": contentType, "cache-control": "no-store", vary: "Accept" };
}

/** Announces the trailer; HTTP/1.0 has none. */
function trailerOf({ req }: Exchange): Record<string, string> {
  return req.httpVersion === "1.0" ? {} : { trailer: "Apispool-Cursor" };
}

async function deliver(exchange: Exchange, query: DataQuery, writer: DataWriter, options: JsonOptions): Promise<void> {
  const { res, signal, requestId, log } = exchange;
  const batches = options.delivery.fetch(query.request, {
    signal,
    requestId,
    log,
    receipt: (how) => exchange.receipt(how),
  });
  const begin = (): void => {
    if (!res.headersSent) res.writeHead(200, { ...headOf(writer.contentType), ...trailerOf(exchange) });
  };
  // The answer begins with its first text: a fetch that fails before it has anything to say becomes a problem.
  for await (const batch of batches) {
    const text = writer.batch(batch);
    if (text.length === 0) continue;
    signal.throwIfAborted();
    begin();
    await write(exchange, text, options.stallTimeoutMs);
  }
  signal.throwIfAborted();
  begin();
  res.addTrailers({ "Apispool-Cursor": writer.cursor });
  end(exchange, writer.end(), options.stallTimeoutMs);
}

function acknowledgement(body: JsonObject): { reader: string; cursor: string } {
  const problems: FieldProblem[] = unknownFields(body, ["reader", "cursor"]);
  const { reader = "", cursor } = body;
  if (typeof reader !== "string")
    problems.push({ field: "reader", problem: `is ${shown(reader)}; it must be a string; left out it means default` });
  if (typeof cursor !== "string" || cursor === "") {
    const problem = cursor === undefined ? "is missing" : `is ${shown(cursor)}`;
    problems.push({ field: "cursor", problem: `${problem}; it must be the cursor of an earlier fetch` });
  }
  if (problems.length > 0) throw invalidArgument(problems);
  return { reader: String(reader), cursor: String(cursor) };
}
