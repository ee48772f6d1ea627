import { parseArgs } from "node:util";
import { describeError } from "@apispool/common/errors.js";
import { check } from "./check.js";
import type { ExitCode, Surroundings } from "./surroundings.js";
import { tryHere, tryThere } from "./try.js";

export const usage = `apispool check [FILE]
  says whether a configuration is right, and where it is not
apispool try SOURCE [--file FILE] [--pages N] [--records N]
  polls a source once from here and prints the records that it would write, one a line; nothing is written
apispool try SOURCE --url http://127.0.0.1:3000
  the same by the service at that address, which knows what is in Kafka already

FILE is apispool.yaml unless given here or by APISPOOL_CONFIG.`;

/** The command line. Never rejects. */
export async function apispool(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  try {
    return await run(args, around);
  } catch (error) {
    around.err(`apispool: ${describeError(error)}`);
    return 1;
  }
}

async function run(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        file: { type: "string" },
        url: { type: "string" },
        pages: { type: "string", default: "1" },
        records: { type: "string", default: "100" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return misused(around, describeError(error));
  }
  const { values, positionals } = parsed;
  const [command, name, ...more] = positionals;
  if (values.help === true) {
    around.out(usage);
    return 0;
  }
  const file = values.file ?? around.env["APISPOOL_CONFIG"] ?? "apispool.yaml";
  if (more.length > 0) return misused(around, `there is one argument too many: ${more.join(" ")}`);
  switch (command) {
    case "check":
      return check(name ?? file, around);
    case "try": {
      if (name === undefined) return misused(around, "try needs the name of a source");
      const [pages, records] = [Number(values.pages), Number(values.records)];
      if (!(Number.isInteger(pages) && pages > 0)) return misused(around, `--pages "${values.pages}" is no number`);
      if (!(Number.isInteger(records) && records > 0)) {
        return misused(around, `--records "${values.records}" is no number`);
      }
      return values.url === undefined
        ? await tryHere(name, { file, pages, records }, around)
        : await tryThere(name, values.url, around);
    }
    case undefined:
      return misused(around, "there is no command");
    default:
      return misused(around, `"${command}" is no command`);
  }
}

function misused({ err }: Surroundings, what: string): ExitCode {
  err(`apispool: ${what}\n\n${usage}`);
  return 2;
}
