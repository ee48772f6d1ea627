import Type from "typebox";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type QueryResponse } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { countJson } from "../data-text.js";
import { getRecordCount, recordsBody } from "../openapi/records-api.js";
import { fields, whole } from "../openapi/schema.js";
import { countRequest, queryRequest, rangeProblems, recordFieldName } from "../records-query.js";
import { freshnessJson, stoppedJson } from "../records-text.js";
import { fromUpstream, renameFields } from "../upstream-error.js";
import type { Upstreams } from "../upstream.js";
import { firstOf, recordTexts } from "./bounded.js";
import { type Tool, looksOnly, tool } from "./tool.js";

const mostRecords = 200;
const mostBytes = 256 * 1024;
const mostCounts = 1000;

const { limit: _limit, ...query } = recordsBody.properties;
const { sources, ids, event_from, event_to, ingested_from, ingested_to, where, versions } = query;
const filter = { sources, ids, event_from, event_to, ingested_from, ingested_to, where, versions };
const { by_source, bucket, time } = getRecordCount.query?.properties ?? ({} as never);

/** Questions about all records there ever were; none where no store is switched on. */
export function recordTools({ store }: Upstreams): Tool[] {
  if (store.address === "") return [];
  const named = (error: unknown, signal: AbortSignal): unknown =>
    renameFields(fromUpstream(error, store, signal), (field) => recordFieldName(field, true));
  return [
    tool({
      name: "query_records",
      title: "Query all records",
      description:
        "Records of the whole history that match: by source, id, times and a condition over the JSON; moves nobody. The answer is JSON: `records`, " +
        "`next` (call again with it as `cursor` for more; null: there is none), `stopped` (why it is not whole), `freshness` (how far the store is " +
        "behind, and `removedBefore`: what was written before that may have been removed). A record that is too long for one answer is `cut`: `dataStart` has the beginning of its JSON text.",
      effects: looksOnly,
      input: fields({
        ...query,
        limit: Type.Optional(whole(1, mostRecords, { description: "The most records.", default: 20 })),
      }),
      rules: rangeProblems,
      call: async (given, call) => {
        const request = queryRequest({ ...given, limit: given.limit ?? 20 });
        const records: QueryResponse["records"] = [];
        let last: QueryResponse | undefined;
        let bytes = 0;
        try {
          for await (const page of store.client.query(request, call.upstream)) {
            records.push(...page.records);
            last = page;
            bytes += page.records.reduce((sum, { payload }) => sum + (payload.value?.length ?? 0), 0);
            if (bytes >= mostBytes) break;
          }
        } catch (error) {
          throw named(error, call.signal);
        }
        const next = last?.nextCursor ?? "";
        const rest = {
          next: next === "" ? null : next,
          stopped: stoppedJson(last?.stopped),
          freshness: freshnessJson(last?.freshness),
        };
        return `{"records":[${recordTexts(records).join(",\n")}],${JSON.stringify(rest).slice(1)}`;
      },
    }),
    tool({
      name: "count_records",
      title: "Count records",
      description: `How many records of the whole history match, each source and each stretch of time by itself where that is asked for. At most ${mostCounts} counts; \`moreCounts\` says how many were left out.`,
      effects: looksOnly,
      input: fields({ ...filter, by_source, bucket, time }),
      rules: rangeProblems,
      call: async ({ sources: source, ids: id, ...given }, call) => {
        const asked = {
          ...given,
          ...(source === undefined ? {} : { source }),
          ...(id === undefined ? {} : { id }),
        };
        try {
          const { total, counts, stopped, freshness } = await store.client.count(countRequest(asked), call.upstream);
          const { first, more } = firstOf(counts, mostCounts);
          return JSON.stringify({
            total: countJson(total),
            counts: first.map(({ source: name, from, count }) => ({
              ...(name === "" ? {} : { source: name }),
              ...(from === undefined ? {} : { from: timestampDate(from).toISOString() }),
              count: countJson(count),
            })),
            ...(more > 0 ? { moreCounts: more } : {}),
            stopped: stoppedJson(stopped),
            freshness: freshnessJson(freshness),
          });
        } catch (error) {
          throw named(error, call.signal);
        }
      },
    }),
  ];
}
