import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeContract } from "../testing/contract.js";
import { createSqliteStore } from "./sqlite-store.js";

storeContract(
  "sqlite",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "apispool-sqlite-"));
    return Promise.resolve({
      async open() {
        const store = createSqliteStore(folder);
        await store.open();
        return store;
      },
      remove: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
    });
  },
  process.env["APISPOOL_TEST_STORE"] === "1" ? { rows: 300, questions: 2000 } : { rows: 80, questions: 60 },
);
