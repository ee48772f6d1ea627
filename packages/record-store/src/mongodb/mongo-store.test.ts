import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { reasonOf, toConnectError } from "@apispool/common/errors.js";
import type { RecordStore } from "../store.js";
import { positionOf, rowOf, storeContract } from "../testing/contract.js";
import { Ferretdb, ferretdbProgram } from "../testing/ferretdb.js";
import { createMongoStore } from "./mongo-store.js";

const program = await ferretdbProgram();
const ferretdb = new Ferretdb(program ?? "");
/** More of it with APISPOOL_TEST_STORE=1. */
const isFull = process.env["APISPOOL_TEST_STORE"] === "1";
let databases = 0;

if (program === undefined) {
  it.skip("needs FerretDB", () => undefined);
} else {
  beforeAll(() => ferretdb.start());
  afterAll(() => ferretdb.remove());

  storeContract(
    "mongodb",
    async () => {
      databases += 1;
      const url = `${ferretdb.uri}test_${databases}`;
      return {
        async open() {
          const store = createMongoStore({ url });
          await store.open();
          return store;
        },
        remove: () => Promise.resolve(),
      };
    },
    isFull ? { rows: 300, questions: 500 } : { rows: 40, questions: 12 },
  );

  describe("a MongoDB that goes away", () => {
    it("is UNAVAILABLE, and answers again when it is back", async () => {
      const store = createMongoStore({ url: `${ferretdb.uri}away`, connectMs: 300 });
      await store.open();
      await store.current.write([rowOf("a", 0, 0)], [positionOf("a", 0, 1)], []);
      await ferretdb.kill();
      for (const call of calls(store)) {
        const error = toConnectError(
          await call().then(
            () => undefined,
            (thrown: unknown) => thrown,
          ),
        );
        expect([reasonOf(error), error.message]).toEqual([
          "STORE_UNAVAILABLE",
          expect.stringContaining("the database at 127.0.0.1"),
        ]);
      }
      await ferretdb.start();
      await store.current.write([rowOf("a", 0, 1)], [positionOf("a", 0, 2)], []);
      expect(await store.sizes()).toEqual([{ source: "a", records: 2 }]);
      await store.close();
    }, 60_000);
  });
}

function calls(store: RecordStore): (() => Promise<unknown>)[] {
  return [
    () => store.ping(),
    () => store.current.write([rowOf("a", 0, 1)], [positionOf("a", 0, 2)], []),
    () => store.sizes(),
  ];
}
