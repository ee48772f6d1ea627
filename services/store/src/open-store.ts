import type { RecordStore } from "@apispool/record-store/store.js";
import type { Database } from "./config.js";

/** The store of a kind; nothing of another kind is loaded. */
export async function createStore(database: Database): Promise<RecordStore> {
  switch (database.kind) {
    case "sqlite": {
      const { createSqliteStore } = await import("@apispool/record-store/sqlite/sqlite-store.js");
      return createSqliteStore(database.folder);
    }
    case "mongodb": {
      const { createMongoStore } = await import("@apispool/record-store/mongodb/mongo-store.js");
      return createMongoStore({ url: database.url });
    }
  }
}
