import Type from "typebox";
import type { FetchUnreadRequest, Gap } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { dataQueryFromBody } from "../data-query.js";
import { gapJson } from "../data-text.js";
import type { Fetching } from "../delivery.js";
import { type FetchBody, fetchBody } from "../openapi/data-api.js";
import { cursor, fields, readerName, whole } from "../openapi/schema.js";
import { renameFields } from "../upstream-error.js";
import { firstOf, recordTexts } from "./bounded.js";
import { type Tool, type ToolCall, looksOnly, repeatable, tool } from "./tool.js";

const mostRecords = 200;
const mostBytes = 256 * 1024;
const mostWaitSeconds = 30;
const mostGaps = 100;

const { where, start, since, sources, keys } = fetchBody.properties;

const bounds = {
  limit: Type.Optional(whole(1, mostRecords, { description: "The most records.", default: 20 })),
  max_bytes: Type.Optional(
    whole(1, mostBytes, { description: "The most bytes of records, but one record at least.", default: 64 * 1024 }),
  ),
};
const filters = { sources, keys, where };

const answer =
  "The answer is JSON: `records` (`data` is the API's own JSON, numbers as it wrote them), `cursor`, `gaps` (what can never be had " +
  "any more), `more` (whether there may be more to read now). A record that is too long for one answer is `cut`: `dataStart` has the beginning of its JSON text.";

/** Reading records. */
export function readingTools(delivery: Fetching): Tool[] {
  return [
    tool({
      name: "read_records",
      title: "Read unread records",
      description:
        "What a named reader has not read yet, the oldest first. Nothing counts as read by it: the same call gives the same records " +
        `until acknowledge is called with the answer's cursor, or the next call has it as \`ack\`. ${answer}`,
      effects: repeatable,
      input: fields({
        reader: readerName({
          description:
            "Whose unread records: a name of your own choice; it is new with its first call, and keeps its place for ever.",
        }),
        ...bounds,
        ...filters,
        start,
        ack: Type.Optional(
          cursor({ description: "The cursor of the answer before this one: acknowledges it, then reads on." }),
        ),
        wait: Type.Optional(
          Type.Number({
            minimum: 0,
            maximum: mostWaitSeconds,
            description: "Seconds to wait for the first record where nothing is unread.",
            "x-allowed": `a number of seconds from 0 to ${mostWaitSeconds}`,
          }),
        ),
      }),
      call: (given, call) => read(delivery, { ...given, ack: given.ack ?? "manual" }, call),
    }),
    tool({
      name: "peek",
      title: "Look at records",
      description: `Records from any place on; moves nobody. To go on, call it again with the answer's cursor as \`since\`. ${answer}`,
      effects: looksOnly,
      input: fields({
        since: Type.Unsafe<string>({ ...since, description: "From where: a cursor, earliest, latest or a time." }),
        reader: Type.Optional(
          readerName({
            description: "Whose cursor `since` is, where it is one; left out: `default`, or that of peek.",
          }),
        ),
        ...bounds,
        ...filters,
      }),
      call: (given, call) => read(delivery, { ...given, ack: "manual" }, call),
    }),
  ];
}

async function read(delivery: Fetching, given: FetchBody, call: ToolCall): Promise<string> {
  const { limit = 20, max_bytes: maxBytes = 64 * 1024 } = given;
  const { request } = dataQueryFromBody({ ...given, limit, max_bytes: maxBytes });
  const { records, gaps, cursor } = await fetched(delivery, request, call);
  const told = firstOf(gaps, mostGaps);
  const bytes = records.reduce((sum, { payload }) => sum + (payload.value?.length ?? 0), 0);
  // Whether the limit was met by chance only the next call shows.
  const rest = {
    cursor,
    gaps: told.first.map((gap) => ({ ...gapJson(gap), detail: gap.detail.slice(0, 300) })),
    ...(told.more > 0 ? { moreGaps: told.more } : {}),
    more: records.length >= limit || bytes >= maxBytes,
  };
  return `{"records":[${recordTexts(records).join(",\n")}],${JSON.stringify(rest).slice(1)}`;
}

async function fetched(delivery: Fetching, request: FetchUnreadRequest, { exchange, signal }: ToolCall) {
  const records: DataRecord[] = [];
  const gaps: Gap[] = [];
  let cursor = "";
  try {
    const batches = delivery.fetch(request, {
      signal,
      requestId: exchange.requestId,
      log: exchange.log,
      receipt: (options) => exchange.receipt(options),
    });
    for await (const batch of batches) {
      records.push(...batch.decoded().records);
      gaps.push(...batch.gaps);
      cursor = batch.cursor;
    }
  } catch (error) {
    throw renameFields(error, (field) => (field === "ack_cursor" ? "ack" : field));
  }
  return { records, gaps, cursor };
}
