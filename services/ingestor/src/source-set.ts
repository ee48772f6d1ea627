import { EventEmitter } from "node:events";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { ControlLog, Desired } from "./control-log.js";
import { KeyedLock } from "@apispool/common/keyed-lock.js";
import type { Worker } from "./worker.js";
import { type SourceStatusInit, toSourceStatus } from "./worker-status.js";

interface Entry {
  readonly worker: Worker;
  desired: Desired;
}

/** Every source that this ingestor knows, with its worker and what the operator wants of it. */
export class SourceSet {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #control: ControlLog;
  readonly #brokers: readonly string[];
  readonly #lock = new KeyedLock();
  readonly #events = new EventEmitter().setMaxListeners(0);
  #ready = false;
  #closed = false;

  constructor(workers: readonly Worker[], control: ControlLog, brokers: readonly string[]) {
    const named = workers.map((worker): [string, Entry] => [worker.status.source, { worker, desired: "STOPPED" }]);
    this.#entries = new Map(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    this.#control = control;
    this.#brokers = brokers;
  }

  /** Tells watchers that a source's status changed. */
  changed(source: string): void {
    this.#events.emit("change", source);
  }

  /** What the operator wants has been read: go on with it. */
  begin(desired: ReadonlyMap<string, Desired>): void {
    if (this.#closed) return;
    this.#ready = true;
    for (const [name, entry] of this.#entries) {
      entry.desired = desired.get(name) ?? "STOPPED";
      if (entry.desired === "STARTED") entry.worker.start();
      this.changed(name);
    }
  }

  /** The names that a request means, in order: all where none is named. Throws NOT_FOUND where one is unknown. */
  resolve(names: readonly string[]): readonly string[] {
    const known = [...this.#entries.keys()];
    const unknown = [...new Set(names)].filter((name) => !this.#entries.has(name));
    if (unknown.length > 0) {
      const quoted = (list: readonly string[]): string => list.map((name) => `"${name}"`).join(", ");
      throw rpcError(
        Code.NotFound,
        "UNKNOWN_SOURCE",
        `sources: unknown: ${quoted(unknown)}; known: ${quoted(known)}; nothing was changed`,
        { metadata: { unknown: unknown.join(","), known: known.join(",") } },
      );
    }
    return names.length === 0 ? known : known.filter((name) => names.includes(name));
  }

  /** Sets what is wanted of sources, durably, and makes it so. Calls for the same source come one after the other. */
  async want(desired: Desired, asked: readonly string[], requestId: string): Promise<SourceStatusInit[]> {
    const names = this.resolve(asked);
    this.#mustBeReady();
    return await this.#lock.run(names, async () => {
      const entries = names.map((name) => this.#entry(name));
      const changing = names.filter((name) => this.#entry(name).desired !== desired);
      if (changing.length > 0) await this.#control.write(changing, desired, requestId);
      // A process that ends has stopped its workers; what was written is for the next one.
      if (this.#closed) throw shuttingDown();
      for (const entry of entries) entry.desired = desired;
      if (desired === "STARTED") for (const { worker } of entries) worker.start();
      else await Promise.all(entries.map(async ({ worker }) => worker.stop()));
      for (const name of names) this.changed(name);
      return entries.map(({ worker, desired: now }) =>
        toSourceStatus(worker.status, now, changing.includes(worker.status.source)),
      );
    });
  }

  statuses(asked: readonly string[]): SourceStatusInit[] {
    const names = this.resolve(asked);
    this.#mustBeReady();
    return names.map((name) => {
      const { worker, desired } = this.#entry(name);
      return toSourceStatus(worker.status, desired, false);
    });
  }

  /** All statuses asked for, then those that change, until the signal fires. A slow watcher gets the newest, not all. */
  async *watch(asked: readonly string[], signal: AbortSignal): AsyncGenerator<SourceStatusInit[]> {
    const names = new Set(this.resolve(asked));
    const changes = new Set<string>();
    let wake: (() => void) | undefined;
    const onChange = (name: string): void => {
      if (names.has(name)) changes.add(name);
      wake?.();
    };
    const onAbort = (): void => wake?.();
    this.#events.on("change", onChange);
    signal.addEventListener("abort", onAbort);
    try {
      yield this.statuses([...names]);
      for (;;) {
        signal.throwIfAborted();
        if (changes.size === 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
          continue;
        }
        const changed = [...changes];
        changes.clear();
        yield this.statuses(changed);
      }
    } finally {
      this.#events.off("change", onChange);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends every worker, and leaves what the operator wants as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#entries.values()].map(async ({ worker }) => worker.stop()));
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`no source ${name}`);
    return entry;
  }

  #mustBeReady(): void {
    if (this.#closed) throw shuttingDown();
    if (this.#ready) return;
    throw rpcError(
      Code.Unavailable,
      "KAFKA_UNAVAILABLE",
      `what is wanted of the sources has not been read yet from Kafka at ${this.#brokers.join(", ")}; try again`,
      { retryAfterMs: 1000 },
    );
  }
}

function shuttingDown(): Error {
  return rpcError(Code.Unavailable, "SHUTTING_DOWN", "the ingestor is stopping; call again", { retryAfterMs: 1000 });
}
