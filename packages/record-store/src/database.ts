import type { EnvReader } from "@apispool/common/env.js";
import type { RecordStore } from "./store.js";

/** Where the records are kept beside Kafka. */
export type Database =
  | { readonly kind: "sqlite"; /** The folder of its files. */ readonly folder: string }
  | { readonly kind: "mongodb"; readonly url: string };

/** Of sqlite, where none is named. */
export const DEFAULT_FOLDER = ".apispool/store";

/** STORE: `sqlite`, `sqlite:FOLDER` or `mongodb://…`; undefined where it is not set. */
export function databaseFromEnv(env: EnvReader): Database | undefined {
  const text = env.string("STORE");
  if (text === undefined) return undefined;
  if (/^mongodb(\+srv)?:\/\/./.test(text)) return { kind: "mongodb", url: text };
  const folder = /^sqlite(?::(.+))?$/.exec(text);
  // It may have a password in it.
  if (folder === null) env.problem("STORE", "it must be sqlite, sqlite:FOLDER or mongodb://…");
  return { kind: "sqlite", folder: folder?.[1] ?? DEFAULT_FOLDER };
}

/** The store of a kind; nothing of another kind is loaded. With `readOnly` it is another process that writes. */
export async function createStore(
  database: Database,
  options: { readonly readOnly?: boolean } = {},
): Promise<RecordStore> {
  switch (database.kind) {
    case "sqlite": {
      const { createSqliteStore } = await import("./sqlite/sqlite-store.js");
      return createSqliteStore(database.folder, options);
    }
    case "mongodb": {
      const { createMongoStore } = await import("./mongodb/mongo-store.js");
      return createMongoStore({ url: database.url });
    }
  }
}
