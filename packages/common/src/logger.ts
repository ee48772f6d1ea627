import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

export interface LoggerOptions {
  /** What speaks: the service's name. */
  readonly name: string;
  readonly level: string;
  /** `json` for machines, `pretty` for people. */
  readonly format: "json" | "pretty";
  /** Colours, also where the output is not a terminal. */
  readonly colour?: boolean;
}

/** A pino logger. Normal operation says little: starts, stops, changes of state, errors. */
export function createLogger({ name, level, format, colour = false }: LoggerOptions): Logger {
  const options = { name, level, redact: { paths: ["*.authorization", "*.cookie", "*.password", "*.token"] } };
  if (format === "json") return pino(options);
  return pino(
    options,
    pretty({
      colorize: colour || process.stdout.isTTY === true,
      ignore: "pid,hostname,name",
      translateTime: "SYS:HH:MM:ss.l",
      singleLine: true,
      sync: true,
    }),
  );
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = pino({ level: "silent" });
