import { Command } from "@commander-js/extra-typings";
import type { Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Context } from "../context.js";
import { Failure } from "../failure.js";
import { withGateway } from "../gateway.js";
import { jsonOption, keyFileOption, urlOption } from "../options.js";
import { positionTable } from "../position-text.js";
import { printable } from "../printable.js";
import { readerCells, readerHead, readerJson } from "../reader-text.js";
import { table } from "../table.js";

export function readersCommand(context: Context) {
  return new Command("readers")
    .summary("who reads, and how far they are")
    .description("Tells of readers, and forgets them.")
    .addCommand(listCommand(context), { isDefault: true })
    .addCommand(showCommand(context))
    .addCommand(deleteCommand(context));
}

function listCommand({ around, paint }: Context) {
  return new Command("list")
    .summary("every reader, with what it has not read yet; this is what `apispool readers` does")
    .description(
      "Lists the readers: how many records each has not acknowledged, and since when the oldest of them waits.",
    )
    .addOption(jsonOption("the readers as `GET /data/readers` gives them"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async ({ json, url, keyFile }) =>
      withGateway({ url, keyFile }, around, async ({ data, signal }) => {
        const { readers } = await data.listReaders({}, { signal });
        if (json === true) around.out(JSON.stringify({ readers: readers.map(readerJson) }));
        else if (readers.length === 0) around.out("nobody has read anything yet");
        else for (const line of readerTable(readers)) around.out(line);
      }),
    );
  function readerTable(readers: readonly Reader[]): string[] {
    const say = paint();
    return table([readerHead(say), ...readers.map((reader) => readerCells(reader, say, around.now()))], [1]);
  }
}

function showCommand({ around, paint }: Context) {
  return new Command("show")
    .summary("where one reader stands")
    .description("Tells where one reader stands, partition by partition.")
    .argument("<reader>", "the reader's name")
    .addOption(jsonOption("the reader as `GET /data/readers/{name}` gives it"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (name, { json, url, keyFile }) =>
      withGateway({ url, keyFile }, around, async ({ data, signal }) => {
        const { reader } = await data.getReader({ reader: name }, { signal });
        if (reader === undefined) throw new Failure(`there is no reader "${printable(name)}"`);
        if (json === true) {
          around.out(JSON.stringify(readerJson(reader)));
          return;
        }
        const say = paint();
        for (const line of table([readerHead(say), readerCells(reader, say, around.now())], [1])) around.out(line);
        around.out("");
        for (const line of positionTable(reader.positions, say)) around.out(line);
      }),
    );
}

function deleteCommand({ around }: Context) {
  return new Command("delete")
    .summary("forget a reader")
    .description(
      "Forgets a reader and its position: its next fetch is that of a new one. Asks first on a terminal; elsewhere --yes is needed.",
    )
    .argument("<reader>", "the reader's name")
    .option("-y, --yes", "do not ask")
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (reader, { yes, url, keyFile }, command) => {
      if (yes !== true) {
        if (around.ask === undefined)
          return command.error("error: nobody can be asked here: say --yes to delete the reader");
        const answer = await around.ask(`Forget the reader "${printable(reader)}" and its position? [y/N] `);
        if (!/^\s*y(es)?\s*$/i.test(answer)) throw new Failure("nothing was deleted");
      }
      await withGateway({ url, keyFile }, around, async ({ data, signal }) => {
        await data.deleteReader({ reader }, { signal });
        around.out(`${printable(reader)}: deleted`);
      });
    });
}
