import { parentPort, workerData } from "node:worker_threads";
import {
  fileOf,
  type Generations,
  ensureGenerations,
  readGenerations,
  removeOthers,
  writeGenerations,
} from "./generations.js";
import { openForReading, openForWriting } from "./open-database.js";
import { type PackedRows, buffersOf, packRows, unpackRows } from "./packed-rows.js";
import { Searcher } from "./searcher.js";
import type { Operations, Reply, Request, Target, WorkerData } from "./worker-protocol.js";
import { Writer } from "./writer.js";

// The thread that writes, or one of those that read: SQLite's calls return when they are done, and no event loop of the service is to wait.

const { folder, role } = workerData as WorkerData;
type Part<K extends keyof Operations> = Pick<Operations, K>;

/** The writers of the generations that there are now. */
const writers = new Map<number, Writer>();

function writerOf(target: Target, expected?: number): Writer {
  const generations = readGenerations(folder);
  for (const [generation, writer] of writers) {
    if (generation === generations.current || generation === generations.building) continue;
    writers.delete(generation);
    writer.close();
  }
  const generation = generations[target];
  if (generation === undefined) throw Object.assign(new Error("no rebuild is under way"), { code: "ENOENT" });
  if (expected !== undefined && expected !== generation) {
    const why = "the store has been built again meanwhile; its positions have to be read again";
    throw Object.assign(new Error(why), { code: "ESTALE" });
  }
  let writer = writers.get(generation);
  if (writer === undefined) {
    writer = new Writer(openForWriting(fileOf(folder, generation)));
    writers.set(generation, writer);
  }
  return writer;
}

let sweeping = false;

/** Removes what was forgotten in between of everything else. */
function sweep(): void {
  if (sweeping) return;
  sweeping = true;
  setImmediate(() => {
    sweeping = false;
    try {
      if ([...writers.values()].some((writer) => writer.sweep())) sweep();
    } catch {
      // Some other time.
    }
  });
}

function change(generations: Generations): void {
  writeGenerations(folder, generations);
  for (const [generation, writer] of writers) {
    if (generation === generations.current || generation === generations.building) continue;
    writers.delete(generation);
    writer.close();
  }
  removeOthers(folder, generations);
}

const writing: Part<
  "open" | "positions" | "write" | "removeBefore" | "forget" | "isBuilding" | "beginRebuild" | "finishRebuild"
> = {
  open() {
    removeOthers(folder, ensureGenerations(folder));
    writerOf("current");
    sweep();
  },
  positions(target) {
    const generation = readGenerations(folder)[target];
    return { generation: generation ?? 0, positions: writerOf(target, generation).positions() };
  },
  write: (target, generation, rows, positions, gaps, removals) =>
    writerOf(target, generation).write(unpackRows(rows), positions, gaps, removals),
  removeBefore: (target, generation, source, beforeMs, limit) =>
    writerOf(target, generation).removeBefore(source, beforeMs, limit),
  forget(target, source) {
    writerOf(target).forget(source);
    sweep();
  },
  isBuilding: () => readGenerations(folder).building !== undefined,
  beginRebuild() {
    const { current, building = current } = readGenerations(folder);
    change({ current, building: building + 1 });
    writerOf("building");
  },
  finishRebuild() {
    const { building } = readGenerations(folder);
    if (building === undefined) throw Object.assign(new Error("no rebuild is under way"), { code: "ENOENT" });
    change({ current: building, building: undefined });
  },
};

let reading: { readonly generation: number; readonly searcher: Searcher } | undefined;

function searcher(): Searcher {
  const { current } = readGenerations(folder);
  if (reading?.generation === current) return reading.searcher;
  reading?.searcher.close();
  reading = undefined;
  reading = { generation: current, searcher: new Searcher(openForReading(fileOf(folder, current))) };
  return reading.searcher;
}

function atOnce<T>(work: (from: Searcher) => T): T {
  const from = searcher();
  return from.atOnce(() => work(from));
}

const searching: Part<"ping" | "positions" | "query" | "versions" | "count" | "removals" | "sizes" | "read"> = {
  ping: () => void searcher().sizes(),
  // Always of the one that answers: nothing else is looked at here.
  positions() {
    const positions = searcher().positions();
    return { generation: reading?.generation ?? 0, positions };
  },
  query(filter, order, after, slice) {
    const { rows, ...rest } = atOnce((from) => from.query(filter, order, after, slice));
    return { rows: packRows(rows), ...rest };
  },
  versions(source, id, limit, maxBytes) {
    const { rows, more } = atOnce((from) => from.versions(source, id, limit, maxBytes));
    return { rows: packRows(rows), more };
  },
  count: (filter, key, after, scan) => atOnce((from) => from.count(filter, key, after, scan)),
  removals: () => searcher().removals(),
  sizes: () => searcher().sizes(),
  read(source, partition, fromOffset, maxBytes) {
    const { rows, ...rest } = atOnce((from) => from.read(source, partition, fromOffset, maxBytes));
    return { rows: packRows(rows), ...rest };
  },
};

const operations = (role === "writer" ? writing : searching) as Readonly<
  Record<string, (...input: unknown[]) => unknown>
>;

parentPort?.on("message", ({ call, operation, input }: Request) => {
  try {
    const output = operations[operation]?.(...input);
    const reply: Reply = { call, output };
    parentPort?.postMessage(reply, buffersIn(output));
  } catch (error) {
    const { message, code, errcode } = error as { message?: string; code?: string; errcode?: number };
    // SQLite's own number says more than ERR_SQLITE_ERROR; its lowest byte is the kind of error.
    const known = errcode === undefined ? (code ?? "") : `SQLITE_${errcode & 0xff}`;
    const reply: Reply = { call, failure: { message: String(message), code: known } };
    parentPort?.postMessage(reply, []);
  }
});

function buffersIn(output: unknown): ArrayBuffer[] {
  return typeof output === "object" && output !== null && "rows" in output ? buffersOf(output.rows as PackedRows) : [];
}
