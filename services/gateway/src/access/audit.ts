import type { Logger } from "@apispool/common/logger.js";
import type { Caller } from "./principal.js";

/** One line of the audit log. */
export interface AuditEntry {
  /** The method, `Service/Method`, or `authenticate`. */
  readonly what: string;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  readonly reader?: string;
  /** Empty: all that the caller may use. */
  readonly sources?: readonly string[];
  readonly detail?: string;
}

/** Tells who did what. */
export class Audit {
  readonly #log: Logger;

  constructor(log: Logger) {
    // Whatever else is not to be logged, this is.
    this.#log = log.child({ kind: "audit" }, { level: log.level === "silent" ? "silent" : "info" });
  }

  write({ principal, from, requestId }: Caller, entry: AuditEntry): void {
    const who = principal?.name ?? "nobody";
    const how = principal?.how ?? "none";
    this.#log.info({ who, how, from, requestId, ...entry }, `${who} from ${from}: ${entry.what}: ${entry.outcome}`);
  }
}
