import Type from "typebox";
import type { StartResponse, TrySourceResponse } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { fields, sourceName, sourceNames, whole } from "../openapi/schema.js";
import { fromUpstream } from "../upstream-error.js";
import type { Upstreams } from "../upstream.js";
import { triedSource, workerSource } from "../worker-json.js";
import { firstOf, startOf } from "./bounded.js";
import { type Tool, type ToolCall, looksOnly, repeatable, tool } from "./tool.js";

/** The most sources that one answer tells of. */
const mostSources = 200;
/** The most of a tried record, or of a dead letter, that is told, in characters. */
const mostTriedChars = 2000;

const some = fields({ sources: Type.Optional({ ...sourceNames(), description: "Only these; left out: all." }) });
const named = fields({
  sources: Type.Array(sourceName(), {
    minItems: 1,
    maxItems: mostSources,
    description: "The names of the sources; list_sources has them.",
    "x-allowed": `a list of 1 to ${mostSources} names of sources`,
  }),
});

/** What can be done with sources. */
export function sourceTools({ ingestor }: Upstreams): Tool[] {
  const ask = async <T>({ signal }: ToolCall, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw fromUpstream(error, ingestor, signal);
    }
  };
  return [
    tool({
      name: "list_sources",
      title: "List sources",
      description:
        "The remote APIs that are polled, and how each stands: what was asked for, what it does now, when it polled last, how many " +
        `records it has written, its last error in words. At most ${mostSources}; \`more\` says how many were left out.`,
      effects: looksOnly,
      input: some,
      call: async ({ sources = [] }, call) =>
        statusText(await ask(call, ingestor.client.getStatus({ sources }, call.upstream))),
    }),
    tool({
      name: "start_source",
      title: "Start sources",
      description:
        "Has these sources polled from now on; it outlives restarts. Starting what runs changes nothing, and `changed` is false.",
      effects: repeatable,
      input: named,
      call: async ({ sources }, call) => statusText(await ask(call, ingestor.client.start({ sources }, call.upstream))),
    }),
    tool({
      name: "stop_source",
      title: "Stop sources",
      description:
        "Has these sources polled no more. When it answers, no further record of them is written. What was written stays readable.",
      effects: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
      input: named,
      call: async ({ sources }, call) => statusText(await ask(call, ingestor.client.stop({ sources }, call.upstream))),
    }),
    tool({
      name: "try_source",
      title: "Try a source",
      description:
        "Asks a source's API once, from where it stands, and tells what a poll would write; nothing is written, and a running source " +
        "is not disturbed. `record` is a string with the JSON text where it was cut.",
      effects: looksOnly,
      input: fields({
        source: sourceName({ description: "The name of the source." }),
        max_records: Type.Optional(whole(1, 50, { description: "The most records to show.", default: 10 })),
        max_pages: Type.Optional(whole(1, 10, { description: "The most pages to read.", default: 1 })),
      }),
      call: async ({ source, max_records: maxRecords = 10, max_pages: maxPages = 1 }, call) => {
        const tried = await ask(call, ingestor.client.trySource({ source, maxRecords, maxPages }, call.upstream));
        return triedSource(source, shortened(tried));
      },
    }),
  ];
}

function statusText({ sources }: Pick<StartResponse, "sources">): string {
  const { first, more } = firstOf(sources, mostSources);
  const told = first.map(workerSource).map((source) => ({
    ...source,
    url: startOf(source.url, 500),
    lastError: source.lastError === null ? null : startOf(source.lastError, 1000),
  }));
  return JSON.stringify({ sources: told, ...(more > 0 ? { more } : {}) });
}

/** A long record's JSON becomes a JSON string with its beginning. */
function shortened(tried: TrySourceResponse): TrySourceResponse {
  return {
    ...tried,
    records: tried.records.map((record) => ({
      ...record,
      id: startOf(record.id, 200),
      key: startOf(record.key, 200),
      json:
        record.json.length <= mostTriedChars ? record.json : JSON.stringify(`${startOf(record.json, mostTriedChars)}…`),
    })),
    deadLetters: tried.deadLetters.map(({ raw, ...letter }) => ({
      ...letter,
      raw: raw.subarray(0, mostTriedChars),
    })),
  };
}
