import { Code, ConnectError } from "@connectrpc/connect";
import type { Projection, RecordStore } from "@apispool/record-store/store.js";

export type StoreOperation = "write" | "forget" | "remove" | "query" | "versions" | "count";
/** `unavailable`: the database could not be reached; `given_up`: whoever asked did not wait for it. */
export type StoreOutcome = "ok" | "unavailable" | "error" | "given_up";
export type ObserveStore = (operation: StoreOperation, outcome: StoreOutcome, seconds: number) => void;

/** A store that tells how long its database takes. */
export function meteredStore(store: RecordStore, observe: ObserveStore): RecordStore {
  async function metered<T>(operation: StoreOperation, work: Promise<T>, signal?: AbortSignal): Promise<T> {
    const begin = performance.now();
    const end = (outcome: StoreOutcome): void => observe(operation, outcome, (performance.now() - begin) / 1000);
    try {
      const result = await work;
      end("ok");
      return result;
    } catch (error) {
      const isAway = error instanceof ConnectError && error.code === Code.Unavailable;
      end(signal?.aborted === true ? "given_up" : isAway ? "unavailable" : "error");
      throw error;
    }
  }
  const projection = (inner: Projection): Projection => ({
    positions: () => inner.positions(),
    write: (...input) => metered("write", inner.write(...input)),
    forget: (source) => metered("forget", inner.forget(source)),
    removeBefore: (...input) => metered("remove", inner.removeBefore(...input)),
  });
  return {
    kind: store.kind,
    open: (signal) => store.open(signal),
    ping: (signal) => store.ping(signal),
    get current() {
      return projection(store.current);
    },
    async building() {
      const building = await store.building();
      return building && projection(building);
    },
    beginRebuild: async () => projection(await store.beginRebuild()),
    finishRebuild: () => store.finishRebuild(),
    query: (...input) => metered("query", store.query(...input), input[4]),
    versions: (...input) => metered("versions", store.versions(...input), input[4]),
    count: (...input) => metered("count", store.count(...input), input[4]),
    removals: (signal) => store.removals(signal),
    sizes: (signal) => store.sizes(signal),
    read: (...input) => store.read(...input),
    close: () => store.close(),
  };
}
