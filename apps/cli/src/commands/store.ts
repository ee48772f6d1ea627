import { Command } from "@commander-js/extra-typings";
import { freshnessJson, progressJson, storedJson } from "@apispool/gateway/records-text.js";
import type { RebuildProgress } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import type { Context } from "../context.js";
import { Failure } from "../failure.js";
import { withGateway } from "../gateway.js";
import { jsonOption, keyFileOption, urlOption } from "../options.js";
import { printable } from "../printable.js";
import { keptText, progressBar, progressText, removedNote, staleness } from "../store-text.js";
import { table } from "../table.js";

const clearLine = "\r\u001B[K";

export function storeCommand(context: Context) {
  return new Command("store")
    .summary("the database that records are queried in")
    .description("Tells of the database that records are queried in, and builds it again.")
    .addCommand(statusCommand(context), { isDefault: true })
    .addCommand(rebuildCommand(context));
}

function statusCommand({ around, paint }: Context) {
  return new Command("status")
    .summary("what it holds, and how far it is behind Kafka; this is what `apispool store` does")
    .description("Tells how many records of each source the store holds, and how far it is behind Kafka.")
    .addOption(jsonOption("the status as `GET /records/status` gives it"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async ({ json, url, keyFile }) =>
      withGateway({ url, keyFile }, around, async ({ store, signal }) => {
        const { kind, freshness, sources, rebuild } = await store.getStoreStatus({}, { signal });
        if (json === true) {
          const told = sources.map(storedJson);
          const under = rebuild === undefined ? null : progressJson(rebuild);
          around.out(JSON.stringify({ kind, freshness: freshnessJson(freshness), sources: told, rebuild: under }));
          return;
        }
        const say = paint();
        const stale = staleness(freshness, around.now());
        const gone = removedNote(freshness, around.now());
        around.out(`${kind}: ${stale !== "" ? stale : gone === "" ? "holds all that Kafka has" : "is up to date"}`);
        if (gone !== "") around.out(gone);
        if (rebuild !== undefined) around.out(`a rebuild is under way: ${progressText(rebuild)}`);
        if (sources.length === 0) return;
        const hasLimit = sources.some(({ ttl, removed }) => ttl !== undefined || removed.length > 0);
        const head = ["SOURCE", "RECORDS", "BEHIND", ...(hasLimit ? ["KEPT"] : [])].map((name) => say("dim", name));
        const rows = sources.map((source) => [
          say("bold", printable(source.source)),
          String(source.records),
          String(source.freshness?.behind ?? 0n),
          ...(hasLimit ? [keptText(source)] : []),
        ]);
        for (const line of table([head, ...rows], [1, 2])) around.out(line);
      }),
    );
}

function rebuildCommand({ around }: Context) {
  return new Command("rebuild")
    .summary("build it again from what Kafka has")
    .description(
      "Builds the store again from the oldest record that Kafka has; the old one answers until the new one takes its place. What Kafka no " +
        "longer has is not in the new one. Asks first on a terminal; elsewhere --yes is needed. It goes on when this is interrupted.",
    )
    .option("-y, --yes", "do not ask")
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async ({ yes, url, keyFile }, command) => {
      if (yes !== true) {
        if (around.ask === undefined)
          return command.error("error: nobody can be asked here: say --yes to rebuild the store");
        const answer = await around.ask("Build the store again? What Kafka no longer has will not be in it. [y/N] ");
        if (!/^\s*y(es)?\s*$/i.test(answer)) throw new Failure("nothing was done");
      }
      await withGateway({ url, keyFile }, around, async ({ store, signal }) => {
        const { isTerminal, columns } = around.errors;
        let last: RebuildProgress | undefined;
        let complete = false;
        try {
          for await (const message of store.rebuildStore({}, { signal })) {
            ({ complete } = message);
            last = message.progress ?? last;
            if (last === undefined || complete) continue;
            if (isTerminal) around.errRaw(`${clearLine}${progressBar(last, columns)}`);
            else around.err(progressText(last));
          }
        } finally {
          if (isTerminal && last !== undefined) around.errRaw(clearLine);
          if (signal.aborted) around.err("the rebuild goes on; `apispool store status` tells how far it is");
        }
        if (!complete)
          throw new Failure("the rebuild was not seen to its end; `apispool store status` tells how far it is");
        around.out(`rebuilt: ${last?.done ?? 0n} offsets in ${last?.elapsed?.seconds ?? 0n} s`);
      });
    });
}
