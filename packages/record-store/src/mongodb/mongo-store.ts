import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { Projection, RecordStore } from "../store.js";
import { Connection, type MongoSettings } from "./connection.js";
import { type Generation, Generations } from "./generations.js";
import { type StepOptions, count, query, read, versions } from "./searcher.js";
import { forget, removeBefore, write } from "./writer.js";

/** How often it is looked whether the collections of before a rebuild can go, in milliseconds. */
const TIDY_MS = 30_000;

/**
 * All records in a database that speaks MongoDB's protocol, for more data than one machine holds or several machines that share it.
 * Whatever comes of the server (away, too slow, refused) is UNAVAILABLE / STORE_UNAVAILABLE; the driver connects again by itself.
 */
export function createMongoStore(settings: MongoSettings): RecordStore {
  const connection = new Connection(settings);
  const generations = new Generations(connection.db);
  let tidying: NodeJS.Timeout | undefined;

  async function step<T>(
    work: (from: Generation, options: StepOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const options = { maxTimeMS: connection.maxTimeMS, ...(signal === undefined ? {} : { signal }) };
    return connection.run(async () => work(generations.at((await generations.read()).current), options), signal);
  }

  /**
   * `generation` says which one is meant at the time. What was read of the positions of one says nothing of another, so a write that
   * follows goes to that one or nowhere.
   */
  function projection(generation: () => Promise<number | undefined>): Projection {
    let known: number | undefined;
    const target = async (fresh: boolean): Promise<Generation> => {
      const number = await generation();
      if (number === undefined || (!fresh && known !== undefined && known !== number)) {
        known = undefined;
        const why = "the store has been built again meanwhile; its positions have to be read again";
        throw rpcError(Code.Unavailable, "STORE_UNAVAILABLE", why, { retryAfterMs: 0 });
      }
      known = number;
      return generations.at(number);
    };
    return {
      positions: () =>
        connection.run(async () => {
          const { positions } = await target(true);
          return positions
            .find({}, { projection: { _id: 0 } })
            .sort({ source: 1, partition: 1 })
            .toArray();
        }),
      write: (rows, positions, gaps, removals = []) =>
        connection.run(async () => write(await target(false), rows, positions, gaps, removals)),
      removeBefore: (source, beforeMs, limit) =>
        connection.run(async () =>
          removeBefore(await target(false), source, beforeMs, limit, { maxTimeMS: connection.maxTimeMS }),
        ),
      forget: (source) => connection.run(async () => forget(await target(false), source)),
    };
  }

  const building = (number: number): Projection =>
    projection(async () => {
      const now = await generations.read();
      return now.building === number ? number : undefined;
    });

  return {
    kind: "mongodb",
    // What each holder has read of its positions is its own.
    get current() {
      return projection(async () => (await generations.read()).current);
    },
    open: async (signal) => {
      await connection.run(async () => generations.ensure(), signal);
      tidying ??= setInterval(() => void generations.tidy().catch(() => undefined), TIDY_MS).unref();
    },
    ping: async (signal) => {
      await connection.run(async () => connection.db.command({ ping: 1 }), signal);
    },
    building: () =>
      connection.run(async () => {
        const { building: number } = await generations.read();
        return number === undefined ? undefined : building(number);
      }),
    beginRebuild: () => connection.run(async () => building((await generations.begin()).number)),
    finishRebuild: () => connection.run(async () => generations.finish()),
    query: (filter, order, after, slice, signal) =>
      step((from, options) => query(from, filter, order, after, slice, options), signal),
    versions: (source, id, limit, maxBytes, signal) =>
      step((from, options) => versions(from, source, id, limit, maxBytes, options), signal),
    count: (filter, key, after, scan, signal) =>
      step((from, options) => count(from, filter, key, after, scan, options), signal),
    removals: (signal) =>
      step(
        async ({ removals }, options) =>
          removals
            .find({}, { ...options, projection: { _id: 0 } })
            .sort({ source: 1, partition: 1 })
            .toArray(),
        signal,
      ),
    sizes: (signal) =>
      step(async ({ records }, options) => {
        // FerretDB's distinct knows no maxTimeMS; it is answered from an index.
        const sources = (await records.distinct("source")).sort();
        const sizes = sources.map(async (source) => ({
          source,
          records: await records.countDocuments({ source }, options),
        }));
        return Promise.all(sizes);
      }, signal),
    read: (source, partition, fromOffset, maxBytes, signal) =>
      step((from, options) => read(from, source, partition, fromOffset, maxBytes, options), signal),
    async close() {
      clearInterval(tidying);
      await connection.close();
    },
  };
}
