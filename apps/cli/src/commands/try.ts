import { Command, Option } from "@commander-js/extra-typings";
import type { Context } from "../context.js";
import { Ended } from "../failure.js";
import { withGateway } from "../gateway.js";
import { parseCount, keyFileOption, urlOption } from "../options.js";
import { Progress } from "../progress.js";
import { cliSettingsFromEnv } from "../settings.js";
import { tell } from "../tried-text.js";

export function tryCommand({ around }: Context) {
  return new Command("try")
    .summary("poll a source once and write nothing")
    .description(
      "Polls a source once and prints the records that it would write, one a line; nothing is written. It polls from here, as if the source " +
        "had never been polled; with --url the service at that address does it, which knows what is in Kafka already.",
    )
    .argument("<source>", "the source's name")
    .addOption(
      new Option("-f, --file <file>", "the configuration (else APISPOOL_CONFIG, else apispool.yaml)").conflicts("url"),
    )
    .option("--pages <count>", "at most so many pages", parseCount, 1)
    .option("--records <count>", "print at most so many records", parseCount, 100)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (source, { file, pages, records, url, keyFile }) => {
      if (url === undefined) {
        const { tryHere } = await import("../try-here.js");
        const code = await tryHere(
          source,
          { file: file ?? cliSettingsFromEnv(around.env).file, pages, records },
          around,
        );
        if (code !== 0) throw new Ended(code);
        return;
      }
      await withGateway({ url, keyFile }, around, async ({ worker, signal }) => {
        using progress = new Progress(around, () => "polling …");
        const tried = await worker.trySource({ source, maxPages: pages, maxRecords: records }, { signal });
        progress.clear();
        if (!tell(tried, around)) throw new Ended(1);
      });
    });
}
