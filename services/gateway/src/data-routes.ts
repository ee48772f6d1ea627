import { isProxied, withoutEvidence } from "./proxied.js";
import { encodingFor } from "./accept-encoding.js";
import { negotiate } from "./accept.js";
import type { Batch } from "./batch.js";
import { type DataQuery, dataQueryFromBody, dataQueryFromUrl, withoutEffect } from "./data-query.js";
import { type DataWriter, JsonDataWriter, NdjsonDataWriter } from "./data-text.js";
import { EventDataWriter } from "./event-text.js";
import { eventStreamHead, serveEvents } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import { readJsonObject } from "./json-body.js";
import type { JsonOptions } from "./json-routes.js";
import { httpError } from "./problem.js";
import type { Routes } from "./router.js";
import { StreamedAnswer } from "./streamed-answer.js";
import { type Form, dataFieldName, forms, inForm, lastEventIdHeader } from "./tail-query.js";
import { renameFields } from "./upstream-error.js";
import { Wanted } from "./wanted.js";

const mediaTypes = ["application/json", "application/x-ndjson", "text/event-stream"] as const;

/** `/data`: what a reader has not read yet. */
export function dataRoutes(options: JsonOptions): Routes {
  return {
    "/data": {
      async GET(exchange, { query }) {
        const form = formOf(exchange);
        const asked = dataQueryFromUrl(query);
        await deliver(exchange, isPrefetch(exchange) ? withoutEffect(asked) : asked, form, options);
      },
      HEAD(exchange, { query }) {
        // Says what a GET would look like. It fetches nothing, so it can acknowledge nothing.
        const form = formOf(exchange);
        const asked = inForm(dataQueryFromUrl(query), form, undefined);
        // Whether an answer that ends is worth compressing shows only when it is made.
        const { coding } = encodingFor(exchange.req.headers["accept-encoding"]);
        const coded = asked.request.follow && coding !== "identity" ? { "content-encoding": coding } : {};
        exchange.answered();
        exchange.res.writeHead(200, { ...headOf(form, asked), ...coded });
        exchange.res.end();
      },
      async POST(exchange) {
        const form = formOf(exchange);
        const asked = dataQueryFromBody(await readJsonObject(exchange, options.maxBodyBytes));
        await deliver(exchange, asked, form, options);
      },
    },
  };
}

/** The form that the Accept header asks for. */
function formOf(exchange: Exchange): Form {
  const accept = exchange.req.headers.accept;
  const type = negotiate(accept, mediaTypes);
  if (type !== undefined) return forms[type];
  throw httpError(406, "accept", `"${accept}" cannot be had; ${mediaTypes.join(", ")} can`);
}

/** Whether nobody has asked yet (`Sec-Purpose` of the Fetch standard, and what browsers sent before it). */
function isPrefetch({ req: { headers } }: Exchange): boolean {
  return ["sec-purpose", "purpose", "x-purpose", "x-moz"].some((name) =>
    /\b(prefetch|prerender|preview)\b/i.test(String(headers[name] ?? "")),
  );
}

function headOf(form: Form, { request }: DataQuery): Readonly<Record<string, string>> {
  if (form === "events") return eventStreamHead;
  return {
    "content-type": form === "json" ? JsonDataWriter.contentType : NdjsonDataWriter.contentType,
    "cache-control": "no-store",
    vary: "Accept, Accept-Encoding",
    ...(request.follow ? { "x-accel-buffering": "no" } : {}),
  };
}

async function deliver(exchange: Exchange, asked: DataQuery, form: Form, options: JsonOptions): Promise<void> {
  const { req, signal, requestId, log } = exchange;
  const { stallTimeoutMs, heartbeatMs, delivery } = options;
  const encoding = encodingFor(req.headers["accept-encoding"]);
  const lastEventId = req.headers[lastEventIdHeader]?.toString();
  const query = inForm(asked, form, lastEventId);
  const wanted = new Wanted();
  // An event stream's client says by its last id what it has; what a proxy has taken may never have come to it.
  const itself = form !== "events" || !isProxied(req.headers);
  const batches = named(
    delivery.fetch(query.request, {
      signal,
      requestId,
      log,
      receipt: (how) => (itself ? exchange.receipt(how) : withoutEvidence(exchange.receipt(how))),
      confirmWritten: itself ? exchange.confirmWritten : undefined,
      wanted: () => wanted.ask(),
    }),
    (field) => dataFieldName(field, query, lastEventId),
  );
  if (form === "events") {
    const writer = new EventDataWriter();
    await serveEvents(exchange, batches, (batch) => writer.batch(batch), {
      encoding,
      stallTimeoutMs,
      heartbeatMs,
      wanted,
    });
    return;
  }
  const live = query.request.follow;
  const writer: DataWriter =
    form === "json" ? new JsonDataWriter() : new NdjsonDataWriter({ cursorLine: query.manual, follow: live });
  // HTTP/1.0 has no trailers.
  const trailer = req.httpVersion === "1.0" ? {} : { trailer: "Apispool-Cursor" };
  const head = { ...headOf(form, query), ...trailer };
  const answer = new StreamedAnswer(exchange, { head, encoding, live, stallTimeoutMs });
  try {
    // The answer begins with its first text: a fetch that fails before it has anything to say becomes a problem.
    for await (const batch of batches) {
      answer.begin();
      await answer.write(writer.batch(batch));
    }
    signal.throwIfAborted();
    await answer.end(writer.end(), { "Apispool-Cursor": writer.cursor });
  } finally {
    answer.close();
  }
}

/** The batches, and what goes wrong with the fields named as the client wrote them. */
async function* named(batches: AsyncGenerator<Batch>, nameOf: (field: string) => string): AsyncGenerator<Batch> {
  try {
    yield* batches;
  } catch (error) {
    throw renameFields(error, nameOf);
  }
}
