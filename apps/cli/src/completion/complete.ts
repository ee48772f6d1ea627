import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";

/** What may stand at a place on the command line. */
export interface Candidate {
  readonly value: string;
  /** What it means; empty where the value says it. */
  readonly meaning: string;
}

/** Files may stand here: the shell knows them. */
export const files: Candidate = { value: ":files", meaning: "" };

/** Candidates that only the gateway knows. May fail, which then is nothing to complete with. */
export interface Names {
  sources(url: string | undefined): Promise<readonly string[]>;
  readers(url: string | undefined): Promise<readonly string[]>;
}

/** What can complete the last of the words behind `apispool`. Never rejects. */
export async function complete(
  program: CommandUnknownOpts,
  words: readonly string[],
  names: Names,
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const place = placeOf(program, words.slice(0, -1));
  const candidates = await candidatesAt(place, current, names);
  return candidates.filter((candidate) => candidate === files || candidate.value.startsWith(current));
}

interface Place {
  readonly command: CommandUnknownOpts;
  /** How many arguments of the command there are already. */
  readonly before: number;
  /** The option whose value comes next. */
  readonly option: Option | undefined;
  readonly url: string | undefined;
  /** Behind `--` there are no options. */
  readonly argumentsOnly: boolean;
}

function placeOf(program: CommandUnknownOpts, words: readonly string[]): Place {
  let command = program;
  let before = 0;
  let option: Option | undefined;
  let url: string | undefined;
  let argumentsOnly = false;
  for (const word of words) {
    if (option !== undefined) {
      if (option.long === "--url") url = word;
      option = undefined;
    } else if (!argumentsOnly && word === "--") argumentsOnly = true;
    else if (!argumentsOnly && word.startsWith("-")) {
      if (word.startsWith("--url=")) url = word.slice("--url=".length);
      const found = optionsOf(command).find(({ long, short }) => long === word || short === word);
      if (found !== undefined && !found.isBoolean()) option = found;
    } else {
      const next = before === 0 ? command.commands.find((c) => c.name() === word) : undefined;
      if (next === undefined) before += 1;
      else command = next;
    }
  }
  return { command, before, option, url, argumentsOnly };
}

/** A command's own options and those of all commands. */
function optionsOf(command: CommandUnknownOpts): readonly Option[] {
  const visible = command.createHelp().visibleOptions(command);
  return command.parent === null ? visible : [...visible, ...command.parent.options];
}

async function candidatesAt(place: Place, current: string, names: Names): Promise<readonly Candidate[]> {
  const { command, before, option, url, argumentsOnly } = place;
  if (option !== undefined) return await valuesOf(option.attributeName(), option.argChoices, url, names);
  if (current.startsWith("-") && !argumentsOnly) {
    return optionsOf(command)
      .filter(({ hidden }) => !hidden)
      .flatMap(({ long, description }) => (long === undefined ? [] : [{ value: long, meaning: description }]));
  }
  const commands = before === 0 ? command.createHelp().visibleCommands(command) : [];
  const [first] = command.registeredArguments.slice(before);
  const argument = first ?? command.registeredArguments.findLast(({ variadic }) => variadic);
  return [
    ...commands.map((c) => ({ value: c.name(), meaning: c.summary() })),
    ...(argument === undefined ? [] : await valuesOf(argument.name(), argument.argChoices, url, names)),
  ];
}

const places = ["earliest", "latest"];

async function valuesOf(
  name: string,
  choices: readonly string[] | undefined,
  url: string | undefined,
  names: Names,
): Promise<readonly Candidate[]> {
  const values = async (): Promise<readonly string[]> => {
    if (choices !== undefined) return choices;
    if (name === "source") return await names.sources(url);
    if (name === "reader") return await names.readers(url);
    return ["since", "start", "to"].includes(name) ? places : [];
  };
  if (name === "file") return [files];
  try {
    return (await values()).map((value) => ({ value, meaning: "" }));
  } catch {
    return [];
  }
}
