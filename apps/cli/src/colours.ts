import { styleText } from "node:util";
import type { Surroundings, Terminal } from "./surroundings.js";

export type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";
export type Paint = (colour: Colour, text: string) => string;

/** Colours on a terminal, unless NO_COLOR (https://no-color.org) or --no-color says otherwise; FORCE_COLOR has them anywhere. */
export function painter({ env }: Surroundings, terminal: Terminal, wanted: boolean): Paint {
  return wanted && coloursFromEnv(env, terminal)
    ? (colour, text) => styleText(colour, text, { validateStream: false })
    : (_, text) => text;
}

export function coloursFromEnv(env: Surroundings["env"], { isTerminal }: Terminal): boolean {
  const { NO_COLOR: no = "", FORCE_COLOR: force = "" } = env;
  if (no !== "") return false;
  return force === "" ? isTerminal && env["TERM"] !== "dumb" : force !== "0";
}
