import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { schema } from "./schema.js";

/** How long a lock that another process holds is waited for, in milliseconds. */
const BUSY_MS = 5000;
/** Of the schema; 0 is a file that is being made. */
const VERSION = 2;

/**
 * Opens a generation for writing, and makes it where it is not there. Positions are in the transaction of their rows and Kafka has
 * both, so a power failure may take the last transactions (synchronous=NORMAL): they are read again.
 */
export function openForWriting(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -8192;
    PRAGMA wal_autocheckpoint = 8192;
    PRAGMA journal_size_limit = 67108864;
    BEGIN IMMEDIATE;
    ${schema}
    PRAGMA user_version = ${VERSION};
    COMMIT;`);
  return db;
}

/** Opens a generation that is there. Nothing can be written through it. */
export function openForReading(file: string): DatabaseSync {
  if (!existsSync(file)) throw Object.assign(new Error(`there is no ${file}`), { code: "ENOENT" });
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  db.exec("PRAGMA cache_size = -6144; PRAGMA query_only = 1;");
  if (db.prepare("PRAGMA user_version").get()?.["user_version"] === VERSION) return db;
  db.close();
  throw Object.assign(new Error(`${file} is being made`), { code: "EAGAIN" });
}
