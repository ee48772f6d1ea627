import type { CallOptions, Client } from "@connectrpc/connect";
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { DataReader, Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { countJson, positionJson } from "./data-text.js";
import type { Exchange } from "./exchange.js";
import type { JsonOptions } from "./json-routes.js";
import { type ReaderJson, deleteReader, getReader, getReaders, postAck, postSeek } from "./openapi/data-api.js";
import { routesOf, serve } from "./openapi/operation.js";
import { type Routes, answerJson, answerNothing } from "./router.js";
import { seekFieldName, seekProblems, seekRequest } from "./seek-query.js";
import { fromUpstream, renameFields } from "./upstream-error.js";

/** What can be done with readers beside fetching. */
export function readerRoutes({ upstreams: { reader }, maxBodyBytes, answerTimeoutMs: timeoutMs }: JsonOptions): Routes {
  const ask = async <T>(
    { signal, requestId }: Exchange,
    call: (client: Client<typeof DataReader>, options: CallOptions) => Promise<T>,
  ): Promise<T> => {
    try {
      return await call(reader.client, { signal, headers: { "x-request-id": requestId }, timeoutMs });
    } catch (error) {
      throw fromUpstream(error, reader, signal);
    }
  };
  return routesOf(
    serve(
      postAck,
      async (exchange, { body }) => {
        const { changed, positions } = await ask(exchange, (client, call) => client.acknowledge(body, call));
        await answerJson(exchange, { changed, positions: positions.map(positionJson) });
      },
      { maxBodyBytes },
    ),
    serve(
      postSeek,
      async (exchange, { body }) => {
        const request = seekRequest(body);
        const { positions } = await ask(exchange, (client, call) => client.seek(request, call)).catch(
          (error: unknown) => {
            throw renameFields(error, seekFieldName);
          },
        );
        await answerJson(exchange, { positions: positions.map(positionJson) });
      },
      { maxBodyBytes, rules: ({ body }) => seekProblems(body) },
    ),
    serve(getReaders, async (exchange) => {
      const { readers } = await ask(exchange, (client, call) => client.listReaders({}, call));
      await answerJson(exchange, { readers: readers.map(readerJson) });
    }),
    serve(getReader, async (exchange, { params: { name } }) => {
      const answer = await ask(exchange, (client, call) => client.getReader({ reader: name }, call));
      if (answer.reader === undefined) throw new Error("GetReader answered without a reader");
      await answerJson(exchange, readerJson(answer.reader));
    }),
    serve(deleteReader, async (exchange, { params: { name } }) => {
      await ask(exchange, (client, call) => client.deleteReader({ reader: name }, call));
      answerNothing(exchange);
    }),
  );
}

/** A reader as the JSON API gives it. */
export function readerJson(reader: Reader): ReaderJson {
  return {
    name: reader.name,
    positions: reader.positions.map(positionJson),
    unread: countJson(reader.unread),
    unreadIsEstimate: reader.unreadIsEstimate,
    oldestUnreadAt: timeJson(reader.oldestUnreadAt),
    lastActivityAt: timeJson(reader.lastActivityAt),
  };
}

function timeJson(at: Timestamp | undefined): string | null {
  return at === undefined ? null : timestampDate(at).toISOString();
}
