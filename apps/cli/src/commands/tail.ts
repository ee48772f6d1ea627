import { Command, Option } from "@commander-js/extra-typings";
import { AckMode } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Context } from "../context.js";
import { Delivery } from "../delivery.js";
import { filtersOf, isFiltered, headerOption, keyOption, whereOption } from "../filters.js";
import { withGateway } from "../gateway.js";
import { lasting } from "../lasting.js";
import { jsonOption, sourceOption, keyFileOption, urlOption } from "../options.js";
import { parsePlace, parseSince, placeInit } from "../places.js";
import { dataLine, jsonLine, readableLine } from "../record-lines.js";

export function tailCommand({ around, paint }: Context) {
  return new Command("tail")
    .summary("records as they come")
    .description(
      "Prints records as they come, until Ctrl-C. Without --reader nobody is moved by it: it begins at the end of the log, or where " +
        "--since says. With --reader it goes on where that reader stands, and acknowledges what it has written. When the gateway goes away it " +
        "waits for it and goes on behind the record that was written last.",
    )
    .option("-r, --reader <name>", "read as this reader, and acknowledge")
    .addOption(sourceOption("only these sources"))
    .addOption(keyOption())
    .addOption(headerOption())
    .addOption(whereOption())
    .option(
      "--since <place>",
      "begin there: earliest, latest, a time, how long ago (15m), or a cursor",
      parseSince(around.now),
    )
    .option("--start <place>", "with --reader: where it begins if it is new (else earliest)", parsePlace(around.now))
    .addOption(jsonOption("whole records, as `GET /data` gives them, one a line"))
    .addOption(new Option("-d, --data", "only the data of records, one a line").conflicts("json"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (options, command) => {
      const { reader, source: sources = [], since, start, json, data, url, keyFile } = options;
      if (reader !== undefined && since !== undefined) {
        return command.error(
          "error: --since moves nobody, so it cannot go with --reader; `apispool seek` moves a reader",
        );
      }
      if (reader === undefined && start !== undefined)
        return command.error("error: --start is for new readers: name one with --reader");
      const filters = filtersOf(options);
      const { isTerminal } = around.output;
      const readable = readableLine(paint(), () => (isTerminal ? around.output.columns : undefined));
      await withGateway({ url, keyFile }, around, async (gateway) => {
        const delivery = new Delivery({
          gateway,
          around,
          reader,
          filtered: isFiltered(filters),
          line: json === true ? jsonLine : data === true ? dataLine : readable,
          say: around.err,
        });
        const from = reader === undefined ? undefined : { reader, ack: AckMode.MANUAL };
        const batches = lasting(
          gateway,
          () =>
            gateway.data.fetchUnread(
              {
                sources,
                ...filters,
                follow: true,
                ...(from === undefined
                  ? { since: delivery.cursor === "" ? (since ?? "latest") : delivery.cursor }
                  : // What was written is not to come again.
                    {
                      ...from,
                      ackCursor: delivery.cursor,
                      ...(start === undefined ? {} : { start: { at: placeInit(start) } }),
                    }),
              },
              { signal: gateway.signal },
            ),
          { say: around.err },
        );
        await delivery.run(batches);
      });
    });
}
