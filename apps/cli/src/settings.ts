import { ConfigError, type Env, EnvReader } from "@apispool/common/env.js";
import { Failure } from "./failure.js";

/** What the command line takes from the environment; an option goes before it. */
export interface CliSettings {
  /** Where the gateway is. */
  readonly url: string;
  /** The file with the sources, for `check` and `try`. */
  readonly file: string;
}

/** Reads APISPOOL_URL and APISPOOL_CONFIG. Throws {@link Failure} for what cannot be. */
export function cliSettingsFromEnv(env: Env): CliSettings {
  const reader = new EnvReader(env);
  const settings = {
    url: reader.httpUrl("APISPOOL_URL", "http://127.0.0.1:3000"),
    file: reader.string("APISPOOL_CONFIG", "apispool.yaml"),
  };
  try {
    reader.done();
  } catch (error) {
    throw error instanceof ConfigError ? new Failure(error.problems.join("; "), 2) : error;
  }
  return settings;
}
