import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import {
  type QueryRequest,
  QueryRequestSchema,
  type QueryResponse,
  type StoppedEarly,
  StoppedReason,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { invalidArgument } from "@apispool/common/errors.js";
import { encodingFor } from "./accept-encoding.js";
import { countJson } from "./data-text.js";
import type { Exchange } from "./exchange.js";
import type { JsonOptions } from "./json-routes.js";
import { routesOf, serve } from "./openapi/operation.js";
import {
  type FreshnessJson,
  type RecordsBody,
  type StoppedJson,
  getRecord,
  getRecordCount,
  getRecords,
  getStoreStatus,
  headRecords,
  postRebuild,
  postRecords,
  usualInDocument,
} from "./openapi/records-api.js";
import { recordText } from "./record-text.js";
import {
  bodyOf,
  countRequest,
  documentProblems,
  queryRequest,
  rangeProblems,
  recordFieldName,
} from "./records-query.js";
import {
  type RecordsWriter,
  csvWriter,
  freshnessJson,
  storedJson,
  lineWriter,
  progressJson,
  rebuildLine,
  stoppedJson,
} from "./records-text.js";
import { type Routes, answerJson, answerJsonText } from "./router.js";
import { StreamedAnswer } from "./streamed-answer.js";
import { fromUpstream, renameFields } from "./upstream-error.js";

/** About the most bytes of one JSON document, which is in memory whole: its `Link` stands before it. */
const mostDocumentBytes = 4 * 1024 * 1024;

/** The longest `Link` header, in characters: proxies take no more. */
const mostLinkLength = 4096;

const documentType = "application/json";

/** `/records`: everything that there ever was, where a store is switched on. */
export function recordsRoutes(options: JsonOptions): Routes {
  const { store } = options.upstreams;
  const { maxBodyBytes, answerTimeoutMs } = options;
  const ask = async <T>(exchange: Exchange, call: (options: CallInit) => Promise<T>): Promise<T> => {
    try {
      return await call({ ...callOf(exchange), timeoutMs: answerTimeoutMs });
    } catch (error) {
      throw renameFields(fromUpstream(error, store, exchange.signal), (field) => recordFieldName(field, false));
    }
  };
  return routesOf(
    serve(
      getRecords,
      async (exchange, { query, type }) => answer(exchange, bodyOf(query), { ...options, type, inBody: false }),
      { rules: ({ query }) => rangeProblems(bodyOf(query)) },
    ),
    serve(
      headRecords,
      (exchange, { type }) => {
        exchange.answered();
        exchange.res.writeHead(
          200,
          headOf(type === documentType ? "application/json; charset=utf-8" : writerOf(type).contentType),
        );
        exchange.res.end();
      },
      { rules: ({ query }) => rangeProblems(bodyOf(query)) },
    ),
    serve(postRecords, async (exchange, { body, type }) => answer(exchange, body, { ...options, type, inBody: true }), {
      maxBodyBytes,
      rules: ({ body }) => rangeProblems(body),
    }),
    serve(
      getRecordCount,
      async (exchange, { query }) => {
        const counted = await ask(exchange, (call) => store.client.count(countRequest(query), call));
        await answerJson(exchange, {
          total: countJson(counted.total),
          counts: counted.counts.map(({ source, from, count }) => ({
            source: source === "" ? null : source,
            from: from === undefined ? null : timestampDate(from).toISOString(),
            count: countJson(count),
          })),
          stopped: stoppedJson(counted.stopped),
          freshness: freshnessJson(counted.freshness),
        });
      },
      { rules: ({ query }) => rangeProblems(bodyOf(query)) },
    ),
    serve(getStoreStatus, async (exchange) => {
      const status = await ask(exchange, (call) => store.client.getStoreStatus({}, call));
      await answerJson(exchange, {
        kind: status.kind,
        freshness: freshnessJson(status.freshness),
        sources: status.sources.map(storedJson),
        rebuild: status.rebuild === undefined ? null : progressJson(status.rebuild),
      });
    }),
    serve(postRebuild, async (exchange) => rebuild(exchange, options)),
    serve(getRecord, async (exchange, { params, query }) => {
      const request = { source: params.source, id: params.id, limit: query.limit ?? 0 };
      const { versions, more, freshness } = await ask(exchange, (call) => store.client.get(request, call));
      const rest = JSON.stringify({ more, freshness: freshnessJson(freshness) });
      await answerJsonText(exchange, `{"versions":[${versions.map(recordText).join(",\n")}],${rest.slice(1)}`);
    }),
  );
}

interface CallInit {
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

function callOf({ signal, requestId }: Exchange): CallInit {
  return { signal, headers: { "x-request-id": requestId } };
}

function headOf(contentType: string): Record<string, string> {
  return { "content-type": contentType, "cache-control": "no-store", vary: "Accept, Accept-Encoding" };
}

function writerOf(type: string): RecordsWriter {
  return type === "text/csv" ? csvWriter : lineWriter;
}

interface AnswerOptions extends JsonOptions {
  /** The media type of the answer. */
  readonly type: string;
  readonly inBody: boolean;
}

async function answer(exchange: Exchange, asked: RecordsBody, options: AnswerOptions): Promise<void> {
  const { type } = options;
  if (type === documentType) await answerDocument(exchange, asked, options);
  else await answerStream(exchange, queryRequest(asked), writerOf(type), options);
}

/** The pages of one call, and what goes wrong with the fields named as the client wrote them. */
async function* pagesOf(
  exchange: Exchange,
  request: QueryRequest,
  { upstreams: { store }, inBody }: AnswerOptions,
  timeoutMs?: number,
): AsyncGenerator<QueryResponse> {
  const call = { ...callOf(exchange), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  try {
    yield* store.client.query(request, call);
  } catch (error) {
    const thrown = fromUpstream(error, store, exchange.signal);
    throw renameFields(thrown, (field) => recordFieldName(field, inBody));
  }
}

async function answerDocument(exchange: Exchange, asked: RecordsBody, options: AnswerOptions): Promise<void> {
  const problems = documentProblems(asked);
  if (problems.length > 0) throw invalidArgument(problems);
  const request = queryRequest({ ...asked, limit: asked.limit ?? usualInDocument });
  const texts: string[] = [];
  let bytes = 0;
  let next = "";
  let stopped: StoppedJson | null = null;
  let freshness: FreshnessJson | null = null;
  for await (const page of pagesOf(exchange, request, options, options.answerTimeoutMs)) {
    for (const record of page.records) {
      const text = recordText(record);
      bytes += text.length;
      texts.push(text);
    }
    next = page.nextCursor;
    stopped = stoppedJson(page.stopped);
    freshness = freshnessJson(page.freshness);
    if (bytes < mostDocumentBytes || next === "" || stopped !== null) continue;
    const detail = `a JSON document ends where it is larger than ${mostDocumentBytes} bytes; follow next, or ask for application/x-ndjson`;
    stopped = { reason: "SIZE", scanned: texts.length, detail };
    break;
  }
  const rest = JSON.stringify({ next: next === "" ? null : next, stopped, freshness });
  const link = next === "" || options.inBody ? undefined : linkTo(exchange, next);
  if (link !== undefined && !exchange.closed) exchange.res.setHeader("link", link);
  await answerJsonText(exchange, `{"records":[${texts.join(",\n")}],${rest.slice(1)}`, "Accept, Accept-Encoding");
}

/** RFC 8288; undefined where it would be longer than a header field should be. */
function linkTo({ req }: Exchange, cursor: string): string | undefined {
  const query = new URLSearchParams((req.url ?? "").replace(/^[^?]*\??/, ""));
  query.set("cursor", cursor);
  const link = `<${getRecords.path}?${query.toString()}>; rel="next"`;
  return link.length > mostLinkLength ? undefined : link;
}

/**
 * Lines or CSV. Where the store ends a call because it looked at as much as one call may, the next call goes on: what bounds this is
 * that its client takes it.
 */
async function answerStream(
  exchange: Exchange,
  request: QueryRequest,
  writer: RecordsWriter,
  options: AnswerOptions,
): Promise<void> {
  const { req, signal } = exchange;
  // HTTP/1.0 has no trailers.
  const trailer = req.httpVersion === "1.0" ? {} : { trailer: "Apispool-Cursor" };
  const head = { ...headOf(writer.contentType), ...trailer };
  const encoding = encodingFor(req.headers["accept-encoding"]);
  const answer = new StreamedAnswer(exchange, { head, encoding, live: false, stallTimeoutMs: options.stallTimeoutMs });
  let { cursor } = request;
  let given = 0n;
  let text = writer.head;
  let stopped: StoppedEarly | undefined;
  try {
    for (;;) {
      const before = cursor;
      const limit = request.limit === 0n ? 0n : request.limit - given;
      const asked = create(QueryRequestSchema, { ...request, cursor, limit });
      for await (const page of pagesOf(exchange, asked, options)) {
        text += page.records.map((record) => writer.record(record)).join("");
        await answer.write(text);
        text = "";
        given += BigInt(page.records.length);
        ({ nextCursor: cursor, stopped } = page);
      }
      const isLimit = stopped?.reason === StoppedReason.LIMIT || (request.limit > 0n && given >= request.limit);
      if (stopped === undefined || cursor === "" || isLimit || cursor === before) break;
    }
    signal.throwIfAborted();
    const next = stopped === undefined ? "" : cursor;
    await answer.end(text + writer.tail(next, stoppedJson(stopped)), { "Apispool-Cursor": next });
  } finally {
    answer.close();
  }
}

async function rebuild(exchange: Exchange, { upstreams: { store }, stallTimeoutMs }: JsonOptions): Promise<void> {
  const { signal } = exchange;
  const answer = new StreamedAnswer(exchange, {
    head: { ...headOf(lineWriter.contentType), vary: "Accept-Encoding", "x-accel-buffering": "no" },
    encoding: encodingFor(exchange.req.headers["accept-encoding"]),
    live: true,
    stallTimeoutMs,
  });
  try {
    for await (const progress of store.client.rebuildStore({}, callOf(exchange))) {
      answer.begin();
      await answer.write(rebuildLine(progress));
    }
    signal.throwIfAborted();
    await answer.end("");
  } catch (error) {
    throw fromUpstream(error, store, signal);
  } finally {
    answer.close();
  }
}
