import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { reasonOf, toConnectError } from "@apispool/common/errors.js";
import type { RecordStore, StoreFilter } from "../store.js";
import { positionOf, rowOf, storeContract } from "../testing/contract.js";
import { createSqliteStore } from "./sqlite-store.js";

/** In full with APISPOOL_TEST_SQLITE=1. */
const isFull = process.env["APISPOOL_TEST_SQLITE"] === "1";

storeContract(
  "sqlite",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "apispool-sqlite-"));
    return {
      async open() {
        const store = createSqliteStore(folder);
        await store.open();
        return store;
      },
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  },
  isFull ? { rows: 400, questions: 1500 } : { rows: 80, questions: 60 },
);

const everything: StoreFilter = { sources: [], ids: [], event: {}, ingested: {}, where: undefined, newestOnly: false };
const descending = { by: "ingested", descending: true } as const;
const slice = { scan: 10_000, limit: 1000, maxBytes: 1_000_000 };

describe("a store in SQLite", () => {
  let folder: string;
  let store: RecordStore;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "apispool-sqlite-"));
    store = createSqliteStore(join(folder, "store"));
    await store.open();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  const reason = (work: Promise<unknown>) =>
    work.then(
      () => "none",
      (error: unknown) => reasonOf(toConnectError(error)),
    );

  it("is not there while its folder is not, and has lost nothing when it is back", async () => {
    await store.current.write([rowOf("a", 0, 0)], [positionOf("a", 0, 1)], []);
    await rename(join(folder, "store"), join(folder, "away"));
    expect(await reason(store.ping())).toBe("STORE_UNAVAILABLE");
    expect(await reason(store.current.write([rowOf("a", 0, 1)], [], []))).toBe("STORE_UNAVAILABLE");
    await rename(join(folder, "away"), join(folder, "store"));
    expect(await store.sizes()).toEqual([{ source: "a", records: 1 }]);
  });

  it("says of a damaged file that it is, and is built anew beside it", async () => {
    await store.close();
    for (const name of await readdir(join(folder, "store"))) {
      if (name.startsWith("records-")) await writeFile(join(folder, "store", name), "no database at all".repeat(1000));
    }
    store = createSqliteStore(join(folder, "store"));
    expect(await reason(store.open())).toBe("STORE_UNAVAILABLE");
    const anew = await store.beginRebuild();
    await anew.write([rowOf("a", 0, 0)], [positionOf("a", 0, 1)], []);
    await store.finishRebuild();
    expect((await store.query(everything, descending, undefined, slice)).rows).toEqual([rowOf("a", 0, 0)]);
  });

  it("writes to no generation whose positions were not read", async () => {
    const { current } = store;
    await current.positions();
    const other = createSqliteStore(join(folder, "store"));
    await other.beginRebuild();
    await other.finishRebuild();
    await other.close();
    expect(await reason(current.write([rowOf("a", 0, 5)], [positionOf("a", 0, 6)], []))).toBe("STORE_UNAVAILABLE");
    expect(await current.positions()).toEqual([]);
    await current.write([rowOf("a", 0, 0)], [positionOf("a", 0, 1)], []);
    expect(await store.sizes()).toEqual([{ source: "a", records: 1 }]);
  });

  it("keeps values as they are, and takes none for JSON that is none", async () => {
    const values = ["\u0000", '{"a":"\u0000"}', '{"a":1', "\uFEFF{}", "[[".repeat(5000)].map((text) =>
      Buffer.from(text),
    );
    values.push(Buffer.from([0xff, 0xfe, 0]), Buffer.from('{"a":1,"a":2}'), Buffer.alloc(0));
    const rows = values.map((value, i) => rowOf("a", 0, i, { value, id: `x\u0000${i}` }));
    await store.current.write(rows, [], []);
    const all = await store.query(everything, { by: "ingested", descending: false }, undefined, slice);
    expect(all.rows).toEqual(rows);
    const where = { kind: "compare", path: ["a"], comparator: "=", literal: 2 } as const;
    const found = await store.query({ ...everything, where }, descending, undefined, slice);
    expect(found.rows.map(({ offset }) => offset)).toEqual([6]);
    expect((await store.versions("a", "x\u00003", 10, 1000)).rows).toEqual([rows[3]]);
  });
});
