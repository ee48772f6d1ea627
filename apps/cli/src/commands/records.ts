import { Command, Option } from "@commander-js/extra-typings";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import {
  CountBucket,
  CountTime,
  type Freshness,
  type QueryRequestSchema,
  type QueryResponse,
  RecordOrder,
  StoppedReason,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { countJson } from "@apispool/gateway/data-text.js";
import { recordText } from "@apispool/gateway/record-text.js";
import { csvWriter, freshnessJson, stoppedJson } from "@apispool/gateway/records-text.js";
import type { Context } from "../context.js";
import { type Gateway, withGateway } from "../gateway.js";
import { jsonOption, keyFileOption, parseCount, urlOption } from "../options.js";
import { printable } from "../printable.js";
import { Progress } from "../progress.js";
import { checkRange, filterOptions, recordFilter } from "../record-filter.js";
import { dataLine, jsonLine, readableLine } from "../record-lines.js";
import { bucketText, removedNote, staleness, stoppedText } from "../store-text.js";
import { OutputClosed, type Surroundings } from "../surroundings.js";
import { table } from "../table.js";

const usualLimit = 100;
const buckets = { minute: CountBucket.MINUTE, hour: CountBucket.HOUR, day: CountBucket.DAY, month: CountBucket.MONTH };
const orders = {
  ingested: { desc: RecordOrder.INGESTED_DESC, asc: RecordOrder.INGESTED_ASC },
  event: { desc: RecordOrder.EVENT_DESC, asc: RecordOrder.EVENT_ASC },
};

export function recordsCommand(context: Context) {
  return new Command("records")
    .summary("query all records there ever were")
    .description("Queries all records there ever were; moves nobody. A store has to be switched on: docs/records.md.")
    .addCommand(listCommand(context), { isDefault: true })
    .addCommand(getCommand(context))
    .addCommand(countCommand(context));
}

function listCommand({ around, paint }: Context) {
  return new Command("list")
    .summary("the records that match; this is what `apispool records` does")
    .description(
      "Prints the records that match, the last first, a line each. What is left over, and how far the store is behind, is told beside them.",
    )
    .argument("[source...]", "only these sources")
    .addOption(filterOptions.id())
    .addOption(filterOptions.from(around))
    .addOption(filterOptions.to(around))
    .addOption(filterOptions.by())
    .addOption(filterOptions.where())
    .addOption(filterOptions.newest())
    .addOption(
      new Option("-o, --order <order>", "the last first, or the first")
        .choices(["desc", "asc"])
        .default("desc" as const),
    )
    .option("-n, --limit <count>", `at most so many records (else ${usualLimit})`, parseCount)
    .addOption(new Option("-a, --all", "all of them, however many").conflicts("limit"))
    .option("-c, --cursor <cursor>", "go on where an earlier answer to the same question ended")
    .addOption(jsonOption("whole records, as `GET /records` gives them, one a line"))
    .addOption(new Option("-d, --data", "only the data of records, one a line").conflicts(["json", "csv"]))
    .addOption(new Option("--csv", "as CSV, with a head line").conflicts("json"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (sources, options, command) => {
      checkRange(command, options);
      const { by, order, limit = usualLimit, all, json, data, csv, url, keyFile } = options;
      const { isTerminal } = around.output;
      const readable = readableLine(paint(), () => (isTerminal ? around.output.columns : undefined));
      const line = json === true ? jsonLine : data === true ? dataLine : readable;
      const textOf = (record: DataRecord): string => (csv === true ? csvWriter.record(record) : `${line(record)}\n`);
      await withGateway({ url, keyFile }, around, async (gateway) => {
        const query = {
          filter: recordFilter(sources, options),
          order: orders[by][order],
          limit: all === true ? 0n : BigInt(limit),
          cursor: options.cursor ?? "",
        };
        let count = 0;
        let head = csv === true ? csvWriter.head : "";
        let last: QueryResponse | undefined;
        using progress = isTerminal ? undefined : new Progress(around, () => `${count} records …`);
        try {
          for await (const page of pagesOf(gateway, query, all === true)) {
            const text = head + page.records.map(textOf).join("");
            head = "";
            if (text !== "") await around.write(text, gateway.signal);
            count += page.records.length;
            last = page;
          }
        } catch (error) {
          if (!(error instanceof OutputClosed)) throw error;
          return;
        }
        progress?.clear();
        if (last !== undefined) tellRest(around, last);
      });
    });
}

/** The pages of a query; where all are wanted, over as many calls as it takes: each looks at so many records at most. */
async function* pagesOf(
  { store, signal }: Gateway,
  query: MessageInitShape<typeof QueryRequestSchema>,
  all: boolean,
): AsyncGenerator<QueryResponse> {
  let cursor = query.cursor ?? "";
  for (;;) {
    const before = cursor;
    let stopped: QueryResponse["stopped"];
    for await (const page of store.query({ ...query, cursor }, { signal })) {
      yield page;
      ({ nextCursor: cursor, stopped } = page);
    }
    if (!all || stopped === undefined || cursor === "" || cursor === before) return;
  }
}

/** How far the store is behind; and, where the answer goes back as far as there is anything, what was removed. */
function tellFreshness(
  { err, now }: Surroundings,
  freshness: Freshness | undefined,
  { toTheEnd }: { readonly toTheEnd: boolean },
): void {
  const notes = [staleness(freshness, now()), toTheEnd ? removedNote(freshness, now()) : ""];
  for (const note of notes) if (note !== "") err(note);
}

/** What is not in the answer. */
function tellRest(around: Surroundings, { nextCursor, stopped, freshness }: QueryResponse): void {
  const { err } = around;
  const toTheEnd = nextCursor === "" || stopped === undefined;
  tellFreshness(around, freshness, { toTheEnd });
  if (toTheEnd) return;
  if (stopped.reason !== StoppedReason.LIMIT) err(`not all: ${stoppedText(stopped)}`);
  err(`--cursor ${nextCursor}`);
}

function getCommand({ around, paint }: Context) {
  return new Command("get")
    .summary("one thing, with all its versions")
    .description("Prints the versions of one thing, the newest first, a line each.")
    .argument("<source>", "its source")
    .argument("<id>", "its id")
    .option("-n, --limit <count>", "at most so many versions (else 1000, which is the most)", parseCount)
    .addOption(jsonOption("the answer as `GET /records/{source}/{id}` gives it"))
    .addOption(new Option("-d, --data", "only the data of each version, one a line").conflicts("json"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (source, id, { limit = 0, json, data, url, keyFile }) =>
      withGateway({ url, keyFile }, around, async ({ store, signal }) => {
        const { versions, more, freshness } = await store.get({ source, id, limit }, { signal });
        if (json === true) {
          const rest = JSON.stringify({ more, freshness: freshnessJson(freshness) });
          around.out(`{"versions":[${versions.map(recordText).join(",")}],${rest.slice(1)}`);
          return;
        }
        const { isTerminal } = around.output;
        const line =
          data === true ? dataLine : readableLine(paint(), () => (isTerminal ? around.output.columns : undefined));
        for (const version of versions) around.out(line(version));
        tellFreshness(around, freshness, { toTheEnd: !more });
        if (more) around.err("there are older versions; --limit says how many are shown");
      }),
    );
}

function countCommand({ around, paint }: Context) {
  return new Command("count")
    .summary("how many records match")
    .description("Counts the records that match: all together, each source, each stretch of time (in UTC).")
    .argument("[source...]", "only these sources")
    .addOption(filterOptions.id())
    .addOption(filterOptions.from(around))
    .addOption(filterOptions.to(around))
    .addOption(filterOptions.by())
    .addOption(filterOptions.where())
    .addOption(filterOptions.newest())
    .option("-s, --by-source", "each source by itself")
    .addOption(
      new Option("-b, --bucket <length>", "each stretch of time by itself").choices(["minute", "hour", "day", "month"]),
    )
    .addOption(jsonOption("the answer as `GET /records/count` gives it"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (sources, options, command) => {
      checkRange(command, options);
      const { by, bySource = false, bucket, json, url, keyFile } = options;
      await withGateway({ url, keyFile }, around, async ({ store, signal }) => {
        const { total, counts, stopped, freshness } = await store.count(
          {
            filter: recordFilter(sources, options),
            bySource,
            bucket: bucket === undefined ? CountBucket.UNSPECIFIED : buckets[bucket],
            time: by === "event" ? CountTime.EVENT : CountTime.INGESTED,
          },
          { signal },
        );
        if (json === true) {
          const told = counts.map(({ source, from, count }) => ({
            source: source === "" ? null : source,
            from: from === undefined ? null : timestampDate(from).toISOString(),
            count: countJson(count),
          }));
          const rest = { stopped: stoppedJson(stopped), freshness: freshnessJson(freshness) };
          around.out(JSON.stringify({ total: countJson(total), counts: told, ...rest }));
          return;
        }
        const say = paint();
        if (!bySource && bucket === undefined) around.out(String(total));
        else {
          const names = [
            ...(bucket === undefined ? [] : [bucket.toUpperCase()]),
            ...(bySource ? ["SOURCE"] : []),
            "RECORDS",
          ];
          const rows = counts.map(({ source, from, count }) => [
            ...(bucket === undefined || from === undefined ? [] : [bucketText(from, bucket)]),
            ...(bySource ? [say("bold", printable(source))] : []),
            String(count),
          ]);
          const head = names.map((name) => say("dim", name));
          for (const row of table([head, ...rows], [names.length - 1])) around.out(row);
        }
        tellFreshness(around, freshness, { toTheEnd: true });
        if (stopped !== undefined) around.err(`not all are counted: ${stoppedText(stopped)}`);
      });
    });
}
