import type { EnvReader } from "./env.js";
import type { LoggerOptions } from "./logger.js";

/** What every process is told, whatever it does. */
export interface ProcessSettings extends Omit<LoggerOptions, "name"> {
  /** How long an orderly end may take, in milliseconds. */
  readonly stopTimeoutMs: number;
}

/** Reads LOG_LEVEL, LOG_FORMAT, NODE_ENV, FORCE_COLOR and STOP_TIMEOUT. */
export function processSettingsFromEnv(env: EnvReader): ProcessSettings {
  return {
    level: env.oneOf("LOG_LEVEL", ["trace", "debug", "info", "warn", "error", "fatal", "silent"], "info"),
    format: logFormatFromEnv(env),
    // The launcher's: its terminal is at the other end of a pipe.
    colour: env.string("FORCE_COLOR") === "1",
    stopTimeoutMs: env.durationMs("STOP_TIMEOUT", { fallback: 8000, min: 100, max: 600_000 }),
  };
}

/** LOG_FORMAT; unless it is set, JSON in production (NODE_ENV) and lines for people elsewhere. */
export function logFormatFromEnv(env: EnvReader): LoggerOptions["format"] {
  return env.oneOf("LOG_FORMAT", ["json", "pretty"], env.string("NODE_ENV") === "production" ? "json" : "pretty");
}
