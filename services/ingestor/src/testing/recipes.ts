import { readFileSync } from "node:fs";
import { checkConfigText } from "../config/load.js";
import type { SourceConfig } from "../config/source-config.js";

/** Where the ready files are. */
export const examples = new URL("../../../../examples/", import.meta.url);

/** What a person would have to set, and no test needs to be another. */
const secrets = {
  GITHUB_TOKEN: "github-secret",
  STRIPE_KEY: "rk_test_secret",
  SPOTIFY_CLIENT_ID: "spotify-client",
  SPOTIFY_CLIENT_SECRET: "spotify-secret",
  SODA_APP_TOKEN: "soda-secret",
};

/** A recipe's file with its problems, read as the ingestor reads it. */
export function readRecipe(
  name: string,
  env: Readonly<Record<string, string>> = {},
): ReturnType<typeof checkConfigText> {
  const variables: Readonly<Record<string, string | undefined>> = { ...secrets, ...env };
  const text = readFileSync(new URL(`${name}.yaml`, examples), "utf8");
  return checkConfigText(text, `${name}.yaml`, (variable) => variables[variable]);
}

/**
 * The sources of a recipe. All that is changed is how long a test waits: the schedule's interval and the pauses after a
 * failure are milliseconds.
 */
export function recipe(name: string, env: Readonly<Record<string, string>>): SourceConfig[] {
  const { sources, problems } = readRecipe(name, env);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return sources.map((source) => ({
    ...source,
    schedule: { kind: "interval", intervalMs: 10, adaptive: false, jitter: 0 },
    retry: { ...source.retry, initialMs: 10, maxMs: 2000 },
  }));
}
