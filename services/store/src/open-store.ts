import type { RecordStore } from "@apispool/record-store/store.js";
import type { Database } from "./config.js";

/** The store of a kind; nothing of another kind is loaded. */
export async function createStore(database: Database): Promise<RecordStore> {
  switch (database.kind) {
    case "sqlite": {
      const { createSqliteStore } = await import("@apispool/record-store/sqlite/sqlite-store.js");
      return createSqliteStore(database.folder);
    }
    case "mongodb":
      throw new Error("STORE: mongodb is not there yet");
  }
}
