import { type FieldProblem, invalidArgument, rpcError } from "@apispool/common/errors.js";
import { Code } from "@connectrpc/connect";
import { negotiate } from "./accept.js";
import { type DataQuery, dataQueryFromBody, dataQueryFromUrl } from "./data-query.js";
import { type DataWriter, JsonWriter, NdjsonWriter, positionJson } from "./data-text.js";
import type { Exchange } from "./exchange.js";
import { readJsonObject, unknownFields, type JsonObject } from "./json-body.js";
import type { JsonOptions } from "./json-routes.js";
import { httpError } from "./problem.js";
import { type Routes, answerJson } from "./router.js";
import { fromUpstream, reasonOfAbort } from "./upstream-error.js";

const mediaTypes = ["application/json", "application/x-ndjson"] as const;

/** `/data` and what belongs to it. */
export function dataRoutes(options: JsonOptions): Routes {
  const { upstreams, maxBodyBytes } = options;
  const { reader } = upstreams;
  return {
    "/data": {
      GET: (exchange, { query }) => {
        const writer = writerFor(exchange);
        const parsed = dataQueryFromUrl(query);
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
    ? () => new JsonWriter()
    : ({ manual }) => new NdjsonWriter({ cursorLine: manual });
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
  // Only with the first batch it is known that there is an answer.
  for await (const batch of batches) {
    if (!res.headersSent) res.writeHead(200, { ...headOf(writer.contentType), ...trailerOf(exchange) });
    await write(exchange, writer.batch(batch), options.stallTimeoutMs);
  }
  if (!res.headersSent) res.writeHead(200, { ...headOf(writer.contentType), ...trailerOf(exchange) });
  exchange.answered();
  const end = writer.end();
  res.addTrailers({ "Apispool-Cursor": writer.cursor });
  if (end === "") res.end();
  else res.end(end);
}

/** Resolves when the connection takes more. Fails when the client is gone or takes nothing for too long. */
async function write({ res, signal }: Exchange, text: string, stallTimeoutMs: number): Promise<void> {
  if (signal.aborted) throw signal.reason;
  if (text === "" || res.write(text)) return;
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(timer);
      res.off("drain", drain);
      signal.removeEventListener("abort", abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const drain = (): void => done();
    const abort = (): void => done(reasonOfAbort(signal));
    const timer = setTimeout(() => {
      const seconds = Math.round(stallTimeoutMs / 1000);
      done(rpcError(Code.DeadlineExceeded, "INVALID_FIELD", `the client took nothing for ${seconds} s`));
    }, stallTimeoutMs);
    res.on("drain", drain);
    signal.addEventListener("abort", abort);
  });
}

function acknowledgement(body: JsonObject): { reader: string; cursor: string } {
  const problems: FieldProblem[] = unknownFields(body, ["reader", "cursor"]);
  const { reader = "", cursor } = body;
  if (typeof reader !== "string")
    problems.push({ field: "reader", problem: "must be a string; left out it means default" });
  if (typeof cursor !== "string" || cursor === "") {
    problems.push({ field: "cursor", problem: "must be the cursor of an earlier fetch" });
  }
  if (problems.length > 0) throw invalidArgument(problems);
  return { reader: String(reader), cursor: String(cursor) };
}
