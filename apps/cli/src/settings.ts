import { ConfigError, type Env, EnvReader } from "@apispool/common/env.js";
import { Failure } from "./failure.js";

/** What the command line takes from the environment; an option goes before it. */
export interface CliSettings {
  /** Where the gateway is. */
  readonly url: string;
  /** The file with the sources, for `check` and `try`. */
  readonly file: string;
  /** The file with the key or token to show the gateway. */
  readonly keyFile: string | undefined;
  /** The key or token itself. */
  readonly key: string | undefined;
}

/** Reads APISPOOL_URL, APISPOOL_CONFIG, APISPOOL_KEY_FILE and APISPOOL_KEY. Throws {@link Failure} for what cannot be. */
export function cliSettingsFromEnv(env: Env): CliSettings {
  const reader = new EnvReader(env);
  const settings = {
    url: reader.httpUrl("APISPOOL_URL", "http://127.0.0.1:3000"),
    file: reader.string("APISPOOL_CONFIG", "apispool.yaml"),
    keyFile: reader.string("APISPOOL_KEY_FILE"),
    key: reader.string("APISPOOL_KEY"),
  };
  try {
    reader.done();
  } catch (error) {
    throw error instanceof ConfigError ? new Failure(error.problems.join("; "), 2) : error;
  }
  return settings;
}
