import { Command } from "@commander-js/extra-typings";
import type { Context } from "../context.js";
import { Ended } from "../failure.js";
import { cliSettingsFromEnv } from "../settings.js";

export function checkCommand({ around }: Context) {
  return new Command("check")
    .summary("whether a configuration is right, and where it is not")
    .description("Says whether a configuration is right; where it is not, by file, line and key.")
    .argument("[file]", "the configuration (else APISPOOL_CONFIG, else apispool.yaml)")
    .action(async (given) => {
      const file = given ?? cliSettingsFromEnv(around.env).file;
      // Loaded only where it is needed: it is most of the program.
      const { readSources } = await import("../config-file.js");
      const sources = readSources(file, around);
      if (sources === undefined) throw new Ended(1);
      around.out(`${file} is right: ${sources.map(({ name }) => name).join(", ")}`);
    });
}
