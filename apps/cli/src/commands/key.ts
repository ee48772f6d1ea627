import { Command } from "@commander-js/extra-typings";
import { makeKey } from "@apispool/gateway/access/api-keys.js";
import type { Context } from "../context.js";

export function keyCommand({ around }: Context) {
  return new Command("key")
    .summary("make an API key")
    .description(
      "Makes an API key of 256 random bits. The output is the key and its SHA-256, a line each: give the key to who is to call, and put the hash " +
        "into the gateway's access file (docs/security.md). The key is kept nowhere.",
    )
    .option("--json", "the same as JSON")
    .action(({ json }) => {
      const made = makeKey();
      if (json === true) around.out(JSON.stringify(made));
      else {
        around.out(`key     ${made.key}`);
        around.out(`sha256  ${made.sha256}`);
      }
    });
}
