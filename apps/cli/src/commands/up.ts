import { Command } from "@commander-js/extra-typings";
import type { Context } from "../context.js";
import { Ended } from "../failure.js";

export function upCommand({ around }: Context) {
  return new Command("up")
    .summary("start everything, here in the foreground")
    .description(
      "Starts everything as `npm start` does: a local Kafka (unless KAFKA_BROKERS names one), the demo API (unless there is an API " +
        "to poll) and the services. Ctrl-C stops all of it. Its settings are environment variables: docs/configuration.md.",
    )
    .action(async () => {
      const code = await around.up();
      if (code !== 0) throw new Ended(code);
    });
}
