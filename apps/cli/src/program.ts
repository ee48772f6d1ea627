import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { checkCommand } from "./commands/check.js";
import { completeCommand } from "./commands/complete.js";
import { completionCommand } from "./commands/completion.js";
import { fetchCommand } from "./commands/fetch.js";
import { keyCommand } from "./commands/key.js";
import { readersCommand } from "./commands/readers.js";
import { recordsCommand } from "./commands/records.js";
import { seekCommand } from "./commands/seek.js";
import { startCommand, stopCommand } from "./commands/start-stop.js";
import { statusCommand } from "./commands/status.js";
import { storeCommand } from "./commands/store.js";
import { tailCommand } from "./commands/tail.js";
import { tryCommand } from "./commands/try.js";
import { upCommand } from "./commands/up.js";
import { createContext } from "./context.js";
import type { Surroundings } from "./surroundings.js";
import { version } from "./version.js";

/** The tree of all commands: what is parsed, helped with, completed and documented is this. */
export function createProgram(around: Surroundings) {
  const program = new Command("apispool")
    .version(version, "-V, --version", "the version")
    .description("Starts Apispool, tells how it goes, and reads what it has.")
    .option("--no-color", "no colours (else on a terminal, unless NO_COLOR is set)");
  const context = createContext(around, () => program.opts().color);
  const groups: readonly [string, readonly CommandUnknownOpts[]][] = [
    ["Running it:", [upCommand(context), startCommand(context), stopCommand(context), statusCommand(context)]],
    ["Reading:", [tailCommand(context), fetchCommand(context), seekCommand(context), readersCommand(context)]],
    ["All there ever was, where a store is switched on:", [recordsCommand(context), storeCommand(context)]],
    ["Configuration:", [checkCommand(context), tryCommand(context)]],
    ["Access:", [keyCommand(context)]],
    ["Shell:", [completionCommand(context)]],
  ];
  for (const [heading, commands] of groups) {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  }
  program.addCommand(
    completeCommand(context, () => program),
    { hidden: true },
  );
  program.commandsGroup("Shell:").helpCommand("help [command]", "this, for a command");
  configure(program, around);
  return program;
}

/** Every command alike: nothing ends the process, writes past the surroundings, or takes more arguments than it knows. */
function configure(command: CommandUnknownOpts, around: Surroundings): void {
  const { output, errors } = around;
  command
    .exitOverride()
    .allowExcessArguments(false)
    .helpOption("-h, --help", "this")
    .configureOutput({
      writeOut: (text) => around.out(text.trimEnd()),
      writeErr: (text) => around.err(text.trimEnd()),
      outputError: (text, write) => {
        const path = pathOf(command);
        write(`apispool: ${text.trimEnd().replace(/^error: /, "")}\n"${path} --help" says how it is called`);
      },
      getOutHelpWidth: () => widthFor(output.columns),
      getErrHelpWidth: () => widthFor(errors.columns),
      // The help has no colours, so nothing has to be taken out of it.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true });
  for (const sub of command.commands) configure(sub, around);
}

const widthFor = (columns: number | undefined): number => Math.min(columns ?? 100, 100);

/** A command with those that it stands under: `apispool readers show`. */
export function pathOf(command: CommandUnknownOpts): string {
  const { parent } = command;
  return parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}
