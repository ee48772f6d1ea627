import { checkConfigText } from "../config/load.js";

const env: Readonly<Record<string, string>> = { TOKEN: "hush", NUMBER: "hush", FIVE: "5", YES: "true" };

export const lookup = (name: string): string | undefined => env[name];

/** What is wrong with a file; the variables TOKEN and NUMBER are "hush", FIVE is 5, YES is true. */
export function problemsOf(text: string): readonly string[] {
  return checkConfigText(text, "/etc/apispool.yaml", lookup).problems;
}

/** A file with one source; what is asked about is its line 4. */
export function oneSource(lines: string, url = "https://x.test/"): string {
  return `sources:\n  a:\n    url: ${url}\n    ${lines}\n`;
}

export function at(column: number, key: string, line = 4): string {
  return `apispool.yaml:${line}:${column} ${key}`;
}

export const durations = "a duration such as 500ms, 30s, 5m, 1h or 7d";
