import { Command, Option } from "@commander-js/extra-typings";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { AckMode, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Context } from "../context.js";
import { Delivery } from "../delivery.js";
import { filtersOf, headerOption, isFiltered, keyOption, whereOption } from "../filters.js";
import { withGateway } from "../gateway.js";
import { jsonOption, parseCount, parseMs, sourceOption, keyFileOption, urlOption } from "../options.js";
import { parsePlace, parseSince, placeInit } from "../places.js";
import { Progress } from "../progress.js";
import { dataLine, jsonLine } from "../record-lines.js";

export function fetchCommand({ around }: Context) {
  return new Command("fetch")
    .summary("the records that a reader has not read yet")
    .description(
      "Prints what a reader has not read yet as JSON lines, and ends. A record counts as read once the output has taken it: what was cut " +
        "off comes again, whatever ended the program. While one fetch is under way, another of the same reader waits.",
    )
    .option("-r, --reader <name>", "whose unread records", "default")
    .addOption(sourceOption("only these sources"))
    .addOption(keyOption())
    .addOption(headerOption())
    .addOption(whereOption())
    .option("-n, --limit <count>", "at most so many records", parseCount)
    .option("--wait <time>", "where nothing is unread, wait so long for the first record (30s; at most 5m)", parseMs)
    .addOption(
      new Option("--ack <mode>", "what makes records count as read: having been written, or only --ack-cursor")
        .choices(["auto", "manual"])
        .default("auto" as const),
    )
    .option("--ack-cursor <cursor>", "acknowledge an earlier fetch first: the cursor that it told with --ack manual")
    .option(
      "--since <place>",
      "from there instead, moving nobody: earliest, a time, how long ago (15m), or a cursor",
      parseSince(around.now),
    )
    .option("--start <place>", "where the reader begins if it is new (else earliest)", parsePlace(around.now))
    .addOption(jsonOption("whole records, as `GET /data` gives them, one a line; that is so without it, too"))
    .addOption(new Option("-d, --data", "only the data of records, one a line").conflicts("json"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (options) => {
      const {
        reader,
        source: sources = [],
        limit = 0,
        wait,
        ack,
        ackCursor = "",
        since = "",
        start,
        data,
        url,
        keyFile,
      } = options;
      const filters = filtersOf(options);
      const acknowledges = ack === "auto" && since === "";
      await withGateway({ url, keyFile }, around, async (gateway) => {
        let delivery: Delivery | undefined;
        const told = (): string => `${delivery?.count ?? 0} records …`;
        // On one terminal the records themselves show how it goes.
        using progress = around.output.isTerminal ? undefined : new Progress(around, told);
        const say = (text: string): void => {
          progress?.clear();
          around.err(text);
        };
        delivery = new Delivery({
          gateway,
          around,
          reader: acknowledges ? reader : undefined,
          filtered: isFiltered(filters),
          line: data === true ? dataLine : jsonLine,
          say,
        });
        const batches = gateway.data.fetchUnread(
          {
            reader,
            sources,
            ...filters,
            limit: BigInt(limit),
            // Leased: another fetch of the reader waits until what was written here is acknowledged.
            ack: acknowledges ? AckMode.LEASE : AckMode.MANUAL,
            ackCursor,
            since,
            ...(wait === undefined ? {} : { wait: durationFromMs(wait) }),
            ...(start === undefined ? {} : { start: { at: placeInit(start) } }),
          },
          { signal: gateway.signal },
        );
        await delivery.run(toItsEnd(batches));
        if (!acknowledges && delivery.cursor !== "") {
          say(since === "" ? `--ack-cursor ${delivery.cursor}` : `--since ${delivery.cursor}`);
        }
      });
    });
}

/** A stream that ends before its last batch is no "nothing more". */
async function* toItsEnd(batches: AsyncIterable<FetchUnreadResponse>): AsyncGenerator<FetchUnreadResponse> {
  for await (const batch of batches) {
    yield batch;
    if (batch.complete) return;
  }
  throw new ConnectError("the stream ended before it was complete", Code.Unavailable);
}
