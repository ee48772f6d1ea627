import { isProxied, withoutEvidence } from "./proxied.js";
import { encodingFor } from "./accept-encoding.js";
import type { Batch } from "./batch.js";
import {
  type DataQuery,
  dataQueryFromBody,
  dataQueryFromUrl,
  fetchProblems,
  queryProblems,
  withoutEffect,
} from "./data-query.js";
import { type DataWriter, JsonDataWriter, NdjsonDataWriter } from "./data-text.js";
import { EventDataWriter } from "./event-text.js";
import { eventStreamHead, serveEvents } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import type { JsonOptions } from "./json-routes.js";
import { getData, headData, postData } from "./openapi/data-api.js";
import { routesOf, serve } from "./openapi/operation.js";
import type { Routes } from "./router.js";
import { StreamedAnswer } from "./streamed-answer.js";
import { type Form, dataFieldName, forms, inForm, lastEventIdHeader } from "./tail-query.js";
import { renameFields } from "./upstream-error.js";
import { Wanted } from "./wanted.js";

/** `/data`: what a reader has not read yet. */
export function dataRoutes(options: JsonOptions): Routes {
  const { maxBodyBytes } = options;
  return routesOf(
    serve(
      getData,
      async (exchange, { query, type }) => {
        const asked = dataQueryFromUrl(query);
        await deliver(exchange, isPrefetch(exchange) ? withoutEffect(asked) : asked, formOf(type), options);
      },
      { rules: ({ query }) => queryProblems(query) },
    ),
    serve(
      headData,
      (exchange, { query, type }) => {
        // Says what a GET would look like. It fetches nothing, so it can acknowledge nothing.
        const form = formOf(type);
        const asked = inForm(dataQueryFromUrl(query), form, undefined);
        // Whether an answer that ends is worth compressing shows only when it is made.
        const { coding } = encodingFor(exchange.req.headers["accept-encoding"]);
        const coded = asked.request.follow && coding !== "identity" ? { "content-encoding": coding } : {};
        exchange.answered();
        exchange.res.writeHead(200, { ...headOf(form, asked), ...coded });
        exchange.res.end();
      },
      { rules: ({ query }) => queryProblems(query) },
    ),
    serve(
      postData,
      async (exchange, { body, type }) => deliver(exchange, dataQueryFromBody(body), formOf(type), options),
      { maxBodyBytes, rules: ({ body }) => fetchProblems(body) },
    ),
  );
}

/** The form of an answer of that media type. */
function formOf(type: string): Form {
  return forms[type as keyof typeof forms];
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
      room: exchange.room,
      receipt: (how) => (itself ? exchange.receipt(how) : withoutEvidence(exchange.receipt(how))),
      confirmWritten: itself ? exchange.confirmWritten : undefined,
      wanted: () => wanted.ask(),
    }),
    (field) => dataFieldName(field, query, { lastEventId, inBody: req.method === "POST" }),
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
