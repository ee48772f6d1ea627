import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { pathOf } from "./program.js";

const head = `# The command line

\`npx apispool …\` in the checkout. It starts Apispool, tells how it goes and reads what it has; everything but \`up\`, \`check\` and
\`try\` calls the gateway, as any client can.

\`\`\`
npx apispool up                          # everything, in the foreground; the rest in another terminal
npx apispool start                       # poll all sources
npx apispool status                      # how that goes
npx apispool tail                        # records as they come; moves nobody
npx apispool fetch | jq .data            # what "default" has not read yet; again: only what is newer
npx apispool fetch --reader me -n 100 --data >> records.jsonl
npx apispool seek me --to 2h             # "me" gets the last two hours again
npx apispool readers
npx apispool records quakes --from 7d --where 'properties.mag >= 5' --csv      # all there ever was: with a store
\`\`\`

The output is what was asked for, and nothing else: records, tables, JSON. Everything that is said about it (progress, gaps, errors, lost
connections) goes to the errors. There are colours on a terminal only, and none with \`--no-color\` or \`NO_COLOR\`; tables fit the
terminal. With \`--json\` the same comes as JSON, in the form of the JSON API.

## When a record counts as read

\`fetch\` and \`tail --reader\` acknowledge a record once the operating system has taken it from the program: it is in the file, or in
the pipe. What a Ctrl-C, a full disk or a \`| head\` cut off is unread as before. A pipe takes up to 64 kB that the program behind it
may never look at; where that matters, ask for as many records as it takes (\`--limit\`), or acknowledge with \`--ack manual\` and
\`--ack-cursor\` once it has done its work.

\`tail\` without \`--reader\` and \`fetch --since\` move nobody.

When the gateway goes away \`tail\` and \`status --watch\` say so, wait for it, and go on: \`tail\` behind the record that it wrote last.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | all is well; also where the program behind a pipe had enough |
| 1 | something is wrong: the gateway cannot be reached, a source has failed, a configuration is not right |
| 2 | it was not called as it has to be: unknown commands, options and sources, values that cannot be |
| 130, 143, 129 | it was ended by Ctrl-C (SIGINT), SIGTERM or SIGHUP, in order |

## Environment

| variable | default | meaning |
| --- | --- | --- |
| \`APISPOOL_URL\` | \`http://127.0.0.1:3000\` | where the gateway is; \`--url\` goes before it |
| \`APISPOOL_KEY_FILE\` | – | a file with the key or token to show the gateway; \`--key-file\` goes before it |
| \`APISPOOL_KEY\` | – | the key or token itself, where there is no such file |
| \`APISPOOL_CONFIG\` | \`apispool.yaml\` | the configuration for \`check\` and \`try\` |
| \`NO_COLOR\`, \`FORCE_COLOR\` | – | no colours anywhere, or everywhere |

\`up\` takes the settings of \`npm start\`: [configuration.md](configuration.md). Completion for bash, zsh and fish, names of sources
and readers included: [\`apispool completion\`](#apispool-completion). It completes the word \`apispool\`, so have that on the path, or
\`alias apispool="npx apispool"\`.
`;

/** docs/cli.md: what there is to know, and every command as the tree of commands has it. */
export function reference(program: CommandUnknownOpts): string {
  const commands = program.commands.filter((command) =>
    program.createHelp().visibleCommands(program).includes(command),
  );
  return `${head}${commands.map((command) => section(command, 2)).join("")}`;
}

function section(command: CommandUnknownOpts, level: number): string {
  const help = command.createHelp();
  const rows = (kind: string, items: readonly (readonly [term: string, text: string])[]): string =>
    items.length === 0
      ? ""
      : `\n| ${kind} | meaning |\n| --- | --- |\n${items.map(([term, text]) => `| \`${cell(term)}\` | ${cell(text)} |\n`).join("")}`;
  const args = help.visibleArguments(command).map((a) => [a.name(), help.argumentDescription(a)] as const);
  const options = help
    .visibleOptions(command)
    .filter(({ long }) => long !== "--help")
    .map((o) => [help.optionTerm(o), help.optionDescription(o)] as const);
  return [
    `\n${"#".repeat(level)} ${pathOf(command)}\n`,
    `\n${command.description()}\n`,
    `\n\`\`\`\n${help.commandUsage(command)}\n\`\`\`\n`,
    rows("argument", args),
    rows("option", options),
    ...command.commands.map((sub) => section(sub, level + 1)),
  ].join("");
}

const cell = (text: string): string => text.replaceAll("|", String.raw`\|`);
