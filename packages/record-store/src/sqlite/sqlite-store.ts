import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { Keyset, Projection, RecordStore, Slice, SliceResult, StoreFilter, StoreOrder } from "../store.js";
import { DatabaseThread, ThreadError } from "./database-thread.js";
import { packRows, unpackRows } from "./packed-rows.js";
import type { Operation, Operations, Target } from "./worker-protocol.js";

/**
 * All records in one SQLite file of a folder, by Node's own node:sqlite. One thread writes; one looks things up, which takes
 * moments; one does what may take longer, step by step. With `readOnly`, which a second process takes, nothing is opened for writing; what
 * would write is refused.
 */
export function createSqliteStore(folder: string, { readOnly = false } = {}): RecordStore {
  const writer = new DatabaseThread({ folder, role: "writer" });
  const quick = new DatabaseThread({ folder, role: "reader" });
  const steps = new DatabaseThread({ folder, role: "reader" });
  const threads = [writer, quick, steps];

  async function ask<O extends Operation>(
    thread: DatabaseThread,
    operation: O,
    input: Parameters<Operations[O]>,
    signal?: AbortSignal,
  ): Promise<ReturnType<Operations[O]>> {
    try {
      return await thread.call(operation, input, signal);
    } catch (error) {
      if (!(error instanceof ThreadError) || !isAway(error)) throw error;
      throw rpcError(
        Code.Unavailable,
        "STORE_UNAVAILABLE",
        `the database in ${folder} cannot be used: ${wordsFor(error)}; Kafka has everything that is in it`,
        { cause: error, retryAfterMs: 1000 },
      );
    }
  }

  function projection(target: Target): Projection {
    // What was read of the positions of one generation says nothing of another: a write that follows goes to that one or nowhere.
    let known: number | undefined;
    return {
      async positions() {
        const { generation, positions } = await ask(readOnly ? quick : writer, "positions", [target]);
        known = generation;
        return positions;
      },
      write: (rows, positions, gaps, removals = []) =>
        ask(writer, "write", [target, known, packRows(rows), positions, gaps, removals]),
      removeBefore: (source, beforeMs, limit) => ask(writer, "removeBefore", [target, known, source, beforeMs, limit]),
      forget: (source) => ask(writer, "forget", [target, source]),
    };
  }

  return {
    kind: "sqlite",
    get current() {
      return projection("current");
    },
    open: (signal) => ask(writer, "open", [], signal),
    ping: (signal) => ask(quick, "ping", [], signal),
    async building() {
      return (await ask(writer, "isBuilding", [])) ? projection("building") : undefined;
    },
    async beginRebuild() {
      await ask(writer, "beginRebuild", []);
      return projection("building");
    },
    finishRebuild: () => ask(writer, "finishRebuild", []),
    async query(
      filter: StoreFilter,
      order: StoreOrder,
      after: Keyset | undefined,
      slice: Slice,
      signal?: AbortSignal,
    ): Promise<SliceResult> {
      const { rows, ...rest } = await ask(steps, "query", [filter, order, after, slice], signal);
      return { rows: unpackRows(rows), ...rest };
    },
    async versions(source, id, limit, maxBytes, signal) {
      const { rows, more } = await ask(quick, "versions", [source, id, limit, maxBytes], signal);
      return { rows: unpackRows(rows), more };
    },
    count: (filter, key, after, scan, signal) => ask(steps, "count", [filter, key, after, scan], signal),
    removals: (signal) => ask(quick, "removals", [], signal),
    sizes: (signal) => ask(quick, "sizes", [], signal),
    async read(source, partition, fromOffset, maxBytes, signal) {
      const { rows, ...rest } = await ask(quick, "read", [source, partition, fromOffset, maxBytes], signal);
      return { rows: unpackRows(rows), ...rest };
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

// https://sqlite.org/rescode.html: everything but a mistake of whoever calls.
const sqliteProblems: Readonly<Record<string, string>> = {
  SQLITE_3: "it may not be opened",
  SQLITE_5: "another process keeps it locked",
  SQLITE_6: "it is locked",
  SQLITE_7: "memory has run out",
  SQLITE_8: "it is read-only",
  SQLITE_10: "it cannot be read or written",
  SQLITE_11: "it is damaged: rebuild it (apispool store rebuild), or stop the service and delete the folder",
  SQLITE_13: "the disk is full",
  SQLITE_14: "it cannot be opened",
  SQLITE_26: "it is no SQLite database: rebuild it (apispool store rebuild), or stop the service and delete the folder",
};

function isAway({ code }: ThreadError): boolean {
  return code in sqliteProblems || code === "THREAD_ENDED" || /^E[A-Z]+$/.test(code);
}

function wordsFor({ code, message }: ThreadError): string {
  const known = sqliteProblems[code];
  if (code === "ENOENT")
    return "it is not there (any more). Put it back, or start the service again, which builds it anew";
  return known === undefined ? message : `${known} (${message})`;
}
