import type { CallOptions, Client } from "@connectrpc/connect";
import Type from "typebox";
import type { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { positionJson } from "../data-text.js";
import { deadLetterJson } from "../dead-letter-routes.js";
import { postAck, seekBody } from "../openapi/data-api.js";
import { fields, readerName, sourceNames, whole } from "../openapi/schema.js";
import { readerJson } from "../reader-routes.js";
import { seekFieldName, seekProblems, seekRequest } from "../seek-query.js";
import { fromUpstream, renameFields } from "../upstream-error.js";
import type { Upstreams } from "../upstream.js";
import { firstOf, startOf } from "./bounded.js";
import { type Tool, type ToolCall, looksOnly, repeatable, tool } from "./tool.js";

const mostReaders = 500;
const mostPositions = 500;
const mostLetters = 50;
const mostRawBytes = 4096;

const reader = readerName({ description: "The reader's name." });

/** What can be done with readers beside reading; and the dead letters. */
export function readerTools({ reader: service }: Upstreams): Tool[] {
  const ask = async <T>(
    { signal, upstream }: ToolCall,
    call: (client: Client<typeof DataReader>, options: CallOptions) => Promise<T>,
  ): Promise<T> => {
    try {
      return await call(service.client, upstream);
    } catch (error) {
      throw fromUpstream(error, service, signal);
    }
  };
  return [
    tool({
      name: "acknowledge",
      title: "Acknowledge records",
      description:
        "All records up to a cursor count as read by this reader. Repeated, or with an older cursor, it changes nothing and `changed` is false.",
      effects: repeatable,
      input: fields({ reader, cursor: postAck.body?.properties.cursor ?? Type.String() }),
      call: async (given, call) => {
        const { changed, positions } = await ask(call, (client, options) => client.acknowledge(given, options));
        return JSON.stringify({ changed, ...positionsOf(positions.map(positionJson)) });
      },
    }),
    tool({
      name: "seek",
      title: "Move a reader",
      description:
        "Moves a reader back or forth: back, and records come again; forth, and those in between are never delivered to it.",
      effects: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
      input: fields({ reader, to: seekBody.properties.to, sources: seekBody.properties.sources }),
      rules: seekProblems,
      call: async (given, call) => {
        try {
          const { positions } = await ask(call, (client, options) => client.seek(seekRequest(given), options));
          return JSON.stringify(positionsOf(positions.map(positionJson)));
        } catch (error) {
          throw renameFields(error, seekFieldName);
        }
      },
    }),
    tool({
      name: "list_readers",
      title: "List readers",
      description: `Every reader, how many records it has not read, and since when, in the order of their names. At most ${mostReaders} at a time.`,
      effects: looksOnly,
      input: fields({
        limit: Type.Optional(whole(1, mostReaders, { description: "The most readers.", default: 100 })),
        after: Type.Optional(readerName({ description: "Only those whose name comes after this one: the next page." })),
      }),
      call: async ({ limit = 100, after = "" }, call) => {
        const { readers } = await ask(call, (client, options) => client.listReaders({}, options));
        const { first, more } = firstOf(
          readers.filter(({ name }) => name > after),
          limit,
        );
        const told = first.map(readerJson).map(({ positions, ...rest }) => ({ ...rest, partitions: positions.length }));
        return JSON.stringify({ readers: told, more });
      },
    }),
    tool({
      name: "get_reader",
      title: "Where a reader stands",
      description: `How many records a reader has not read, and its position in each source; at most ${mostPositions} positions.`,
      effects: looksOnly,
      input: fields({ reader }),
      call: async (given, call) => {
        const answer = await ask(call, (client, options) => client.getReader(given, options));
        if (answer.reader === undefined) throw new Error("GetReader answered without a reader");
        const told = readerJson(answer.reader);
        return JSON.stringify({ ...told, ...positionsOf(told.positions) });
      },
    }),
    tool({
      name: "dead_letters",
      title: "Dead letters",
      description: "What the APIs sent that could not become a record, with the reason, the newest first.",
      effects: looksOnly,
      input: fields({
        sources: Type.Optional({ ...sourceNames(), description: "Only these sources; left out: all." }),
        limit: Type.Optional(whole(1, mostLetters, { description: "The most of them.", default: 10 })),
        max_raw_bytes: Type.Optional(
          whole(1, mostRawBytes, { description: "The most of what the API sent, of each.", default: 1024 }),
        ),
      }),
      call: async ({ sources = [], limit = 10, max_raw_bytes: maxRawBytes = 1024 }, call) => {
        const request = { sources, limit, maxRawBytes };
        const { deadLetters, more } = await ask(call, (client, options) => client.listDeadLetters(request, options));
        const told = deadLetters.map(deadLetterJson).map((letter) => ({
          ...letter,
          reason: startOf(letter.reason, 1000),
          place: startOf(letter.place, 300),
        }));
        return JSON.stringify({ deadLetters: told, more });
      },
    }),
  ];
}

function positionsOf(all: readonly ReturnType<typeof positionJson>[]) {
  const { first, more } = firstOf(all, mostPositions);
  return { positions: first, ...(more > 0 ? { morePositions: more } : {}) };
}
