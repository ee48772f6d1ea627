import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { reasonOf, toConnectError } from "@apispool/common/errors.js";
import { MongoClient } from "mongodb";
import type { RecordStore } from "../store.js";
import { positionOf, rowOf, storeContract } from "../testing/contract.js";
import { Ferretdb, ferretdbProgram } from "../testing/ferretdb.js";
import { type Generation, Generations } from "./generations.js";
import { createMongoStore } from "./mongo-store.js";
import { read } from "./searcher.js";
import { forget } from "./writer.js";

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

  describe("a source that is being forgotten", () => {
    it("is known to be there in parts, also after that was broken off", async () => {
      const url = `${ferretdb.uri}forgetting`;
      const store = createMongoStore({ url });
      const client = new MongoClient(url);
      try {
        await store.open();
        const rows = Array.from({ length: 9 }, (_, offset) => rowOf("quakes", 0, offset));
        await store.current.write(rows, [positionOf("quakes", 0, 9)], []);
        const generation = new Generations(client.db()).at(1);
        const before = await store.read("quakes", 0, 0, 1e6);
        expect(before.until).toEqual({ topicId: positionOf("quakes", 0, 9).topicId, offset: 9 });
        // It gets no further than into the middle of the records.
        const records = {
          deleteMany: async () => {
            await generation.records.deleteMany({ source: "quakes", offset: { $lt: 5 } });
            throw new Error("the process ended");
          },
        } as unknown as Generation["records"];
        await expect(forget({ ...generation, records }, "quakes")).rejects.toThrow(/ended/);
        const within = await store.read("quakes", 0, 0, 1e6);
        expect(within.rows).toHaveLength(4);
        expect(within.until?.topicId).not.toBe(before.until?.topicId);
        // Whoever follows the topic finds that this position is none of it, and forgets what is left.
        expect(await store.current.positions()).toMatchObject([{ source: "quakes", topicId: "" }]);
        await store.current.forget("quakes");
        expect(await store.read("quakes", 0, 0, 1e6)).toEqual({
          rows: [],
          gaps: [],
          until: undefined,
          removedBefore: 0,
        });
        // And who had begun to read before.
        await store.current.write(rows, [positionOf("quakes", 0, 9)], []);
        const find = (...input: Parameters<Generation["records"]["find"]>): unknown => ({
          async *sort() {
            await forget(generation, "quakes");
            yield* generation.records.find(...input);
          },
        });
        const forgotten = { ...generation, records: { find } as unknown as Generation["records"] };
        expect(await read(forgotten, "quakes", 0, 0, 1e6, { maxTimeMS: 5000 })).toMatchObject({ until: undefined });
      } finally {
        await client.close();
        await store.close();
      }
    });
  });

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
