import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Position, SeekRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { positionJson } from "@apispool/gateway/data-text.js";
import type { Context } from "../context.js";
import { withGateway } from "../gateway.js";
import { jsonOption, sourceOption, keyFileOption, urlOption } from "../options.js";
import { type Place, parsePlace, placeInit } from "../places.js";
import { positionTable } from "../position-text.js";

type Offset = Pick<Position, "source" | "partition" | "offset">;

export function seekCommand({ around, paint }: Context) {
  return new Command("seek")
    .summary("move a reader, back or forth")
    .description(
      "Moves a reader to a place, and tells where it stands then. Back gives it records again, forth skips them. Exactly one of --to, " +
        "--offset and --cursor is needed.",
    )
    .argument("<reader>", "the reader's name")
    .addOption(
      new Option("-t, --to <place>", "earliest, latest, a time, or how long ago (15m)")
        .argParser(parsePlace(around.now))
        .conflicts(["offset", "cursor"]),
    )
    .addOption(
      new Option(
        "-o, --offset <source/partition=offset...>",
        "to offsets, such as quakes/0=42; the other partitions stay",
      )
        .argParser(collectOffsets)
        .conflicts(["cursor", "source"]),
    )
    .addOption(new Option("-c, --cursor <cursor>", "to behind a cursor of this reader").conflicts(["source"]))
    .addOption(sourceOption("with --to: move in these sources only"))
    .addOption(jsonOption("the positions as `POST /data/seek` gives them"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (reader, { to, offset, cursor, source: sources = [], json, url, keyFile }, command) => {
      const place = placeOf(to, offset, cursor);
      if (place === undefined) return command.error("error: where to? One of --to, --offset and --cursor is needed");
      await withGateway({ url, keyFile }, around, async ({ data, signal }) => {
        const { positions } = await data.seek({ reader, sources, to: place }, { signal });
        if (json === true) around.out(JSON.stringify({ positions: positions.map(positionJson) }));
        else for (const line of positionTable(positions, paint())) around.out(line);
      });
    });
}

function placeOf(
  to: Place | undefined,
  positions: Offset[] | undefined,
  cursor: string | undefined,
): NonNullable<MessageInitShape<typeof SeekRequestSchema>["to"]> | undefined {
  if (to !== undefined) return placeInit(to);
  if (positions !== undefined) return { case: "offsets", value: { positions } };
  return cursor === undefined ? undefined : { case: "cursor", value: cursor };
}

function collectOffsets(text: string, before: Offset[] | undefined): Offset[] {
  const [, source, partition, offset] = /^([\w.-]+)\/(\d{1,9})=(\d{1,18})$/.exec(text) ?? [];
  if (source === undefined || partition === undefined || offset === undefined) {
    throw new InvalidArgumentError("It must be a source, a partition and an offset, such as quakes/0=42.");
  }
  return [...(before ?? []), { source, partition: Number(partition), offset: BigInt(offset) }];
}
