import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseDuration } from "@apispool/common/env.js";

/** `--url`, of every command that calls the gateway. */
export const urlOption = () =>
  new Option("--url <url>", "where the gateway is (else APISPOOL_URL, else http://127.0.0.1:3000)").argParser(parseUrl);

/** `--key-file`, of every command that calls the gateway. A key on the command line would be seen by everybody on the machine. */
export const keyFileOption = () =>
  new Option("--key-file <file>", "the key or token to show the gateway (else APISPOOL_KEY_FILE, else APISPOOL_KEY)");

export const jsonOption = (what: string) => new Option("--json", what);

/** `--source`, as often as wanted. */
export const sourceOption = (what: string) => new Option("-s, --source <source...>", what);

function parseUrl(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : "";
  if (protocol === "http:" || protocol === "https:") return text;
  throw new InvalidArgumentError("It must be a URL that begins with http:// or https://.");
}

/** Reads a whole number above zero. */
export function parseCount(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new InvalidArgumentError("It must be a whole number above zero.");
}

/** Reads a duration into milliseconds. */
export function parseMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("It must be a duration such as 500ms, 30s or 5m.");
  return ms;
}
