import type { CallOptions, Client } from "@connectrpc/connect";
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { DataReader, Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { countJson, positionJson } from "./data-text.js";
import type { Exchange } from "./exchange.js";
import { readJsonObject, unknownFields, type JsonObject } from "./json-body.js";
import type { JsonOptions } from "./json-routes.js";
import { shown } from "./json-text.js";
import { type Routes, answerJson, answerNothing, withoutQuery } from "./router.js";
import { seekFieldName, seekFromBody } from "./seek-query.js";
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
  return {
    "/data/ack": {
      async POST(exchange) {
        const request = acknowledgement(await readJsonObject(exchange, maxBodyBytes));
        const { changed, positions } = await ask(exchange, (client, call) => client.acknowledge(request, call));
        await answerJson(exchange, { changed, positions: positions.map(positionJson) });
      },
    },
    "/data/seek": {
      async POST(exchange) {
        const request = seekFromBody(await readJsonObject(exchange, maxBodyBytes));
        const { positions } = await ask(exchange, (client, call) => client.seek(request, call)).catch(
          (error: unknown) => {
            throw renameFields(error, seekFieldName);
          },
        );
        await answerJson(exchange, { positions: positions.map(positionJson) });
      },
    },
    "/data/readers": {
      async GET(exchange, { query }) {
        withoutQuery(query);
        const { readers } = await ask(exchange, (client, call) => client.listReaders({}, call));
        await answerJson(exchange, { readers: readers.map(readerJson) });
      },
    },
    "/data/readers/{name}": {
      async GET(exchange, { query, name }) {
        withoutQuery(query);
        const answer = await ask(exchange, (client, call) => client.getReader({ reader: name }, call));
        if (answer.reader === undefined) throw new Error("GetReader answered without a reader");
        await answerJson(exchange, readerJson(answer.reader));
      },
      async DELETE(exchange, { query, name }) {
        withoutQuery(query);
        await ask(exchange, (client, call) => client.deleteReader({ reader: name }, call));
        answerNothing(exchange);
      },
    },
  };
}

function readerJson(reader: Reader) {
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
