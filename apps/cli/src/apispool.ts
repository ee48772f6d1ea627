import { CommanderError } from "@commander-js/extra-typings";
import { describeError } from "@apispool/common/errors.js";
import { Ended, Failure } from "./failure.js";
import { printable } from "./printable.js";
import { createProgram } from "./program.js";
import { type ExitCode, Interrupted, type Surroundings } from "./surroundings.js";

/** The command line. Never rejects. */
export async function apispool(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  const program = createProgram(around);
  try {
    if (args.length === 0) {
      around.err(`apispool: there is no command\n\n${program.helpInformation({ error: true }).trimEnd()}`);
      return 2;
    }
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    return exitCodeOf(error, around);
  }
}

function exitCodeOf(error: unknown, { err }: Surroundings): ExitCode {
  // Help that was asked for is what was asked for; everything else was told by commander, in the program's words.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Ended || error instanceof Interrupted) return error.exitCode;
  if (error instanceof Failure) {
    err(`apispool: ${error.message}`);
    return error.exitCode;
  }
  err(`apispool: ${printable(describeError(error))}`);
  return 1;
}
