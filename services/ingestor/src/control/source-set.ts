import { EventEmitter } from "node:events";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { KeyedLock } from "@apispool/common/keyed-lock.js";
import type { SourceConfig } from "../config/source-config.js";
import type { Assignment } from "../lease/lease.js";
import type { Owner } from "../state/source-state.js";
import type { SourceStatusInit, WorkerStatus } from "../worker/worker-status.js";
import type { ControlLog, Desired } from "./control-log.js";
import { type Made, SourceEntry, ownerText } from "./source-entry.js";
import type { PublishedInit, PublishedStatus } from "./status-log.js";

/** How long an owner may take to confirm a Stop: a takeover of a dead one's sources fits in. In milliseconds. */
const STOP_MS = 15_000;
/** How long Start waits for the owner to begin, only so that its answer shows it. In milliseconds. */
const START_MS = 1000;

export interface SourceSetOptions {
  readonly owner: Owner;
  readonly control: ControlLog;
  readonly brokers: readonly string[];
  /**
   * Reads what other ingestors were told to do, up to now. Rejects with UNAVAILABLE where Kafka cannot be asked; who is not
   * patient hears so within a second.
   */
  readonly ask: (patient: boolean) => Promise<void>;
  /** Makes a source's worker; `after` is what has to end before it may begin. */
  readonly make: (config: SourceConfig, after: Promise<void>) => Made;
  /** Something about a source has changed; `urgent` where other ingestors may wait for it. */
  readonly onChange: (source: string, urgent: boolean) => void;
}

/** Every source that this ingestor knows, whoever polls it, and what the operator wants of it. */
export class SourceSet {
  readonly #options: SourceSetOptions;
  #entries: ReadonlyMap<string, SourceEntry> = new Map();
  readonly #asked = new Map<string, { readonly desired: Desired; readonly offset: number }>();
  readonly #published = new Map<string, PublishedStatus>();
  readonly #lock = new KeyedLock();
  readonly #events = new EventEmitter().setMaxListeners(0);
  #assignment: Assignment = { sources: new Set(), members: new Set() };
  #ready = false;
  #closed = false;

  constructor(options: SourceSetOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** The sources that are this process's to poll. */
  get held(): readonly string[] {
    return [...this.#entries].filter(([, { held }]) => held).map(([name]) => name);
  }

  /** What this process does with each source. */
  get known(): readonly { readonly held: boolean; readonly status: WorkerStatus }[] {
    return Array.from(this.#entries.values(), ({ held, made }) => ({ held, status: made.worker.status }));
  }

  config(name: string): SourceConfig | undefined {
    return this.#entries.get(name)?.config;
  }

  /** Takes over a new configuration: what stays as it was goes on untouched. Tells whether the names are others now. */
  configure(configs: readonly SourceConfig[]): boolean {
    const before = this.#entries;
    const entries = configs.map((config): [string, SourceEntry] => {
      const old = before.get(config.name);
      return old !== undefined && old.config.revision === config.revision
        ? [config.name, old]
        : [config.name, this.#enter(config, old)];
    });
    this.#entries = new Map(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    for (const [name, old] of before) if (!this.#entries.has(name)) void old.close();
    if (this.#ready && !this.#closed) this.#assign();
    for (const name of this.#entries.keys())
      if (this.#entries.get(name) !== before.get(name)) this.#changed(name, true);
    return this.names.join("\n") !== [...before.keys()].join("\n");
  }

  /** What the operator wants has been read: go on with it. */
  begin(): void {
    this.#ready = true;
    if (!this.#closed) this.#assign();
    for (const name of this.#entries.keys()) this.#changed(name, false);
  }

  /** A record of the control topic. */
  onControl(source: string, desired: Desired, offset: number): void {
    if (offset <= (this.#asked.get(source)?.offset ?? -1)) return;
    this.#asked.set(source, { desired, offset });
    const entry = this.#entries.get(source);
    if (entry === undefined) return;
    entry.desired = desired;
    entry.controlOffset = offset;
    if (this.#ready && !this.#closed) entry.reconcile();
    this.#changed(source, false);
  }

  /** A record of the status topic. */
  onStatus(source: string, published: PublishedStatus): void {
    this.#published.set(source, published);
    const entry = this.#entries.get(source);
    if (entry === undefined || published.owner.id === this.#options.owner.id) return;
    entry.published = published;
    this.#events.emit("change", source);
  }

  /** What the group says about who polls what. */
  onAssigned(assignment: Assignment): void {
    this.#assignment = assignment;
    if (this.#ready && !this.#closed) this.#assign();
  }

  /** Tells how many records are in the log, where nobody polls the source here. */
  tellTotal(source: string, total: number): void {
    const worker = this.#entries.get(source)?.made.worker;
    if (worker?.running === false) worker.setRecordsTotal(total);
  }

  /** Tells watchers that a source's status changed. */
  changed(source: string): void {
    this.#changed(source, false);
  }

  /** What other ingestors are told of a source. */
  telling(source: string): PublishedInit | undefined {
    return this.#entries.get(source)?.telling(this.#closed ? true : undefined);
  }

  /** The names that a request means, in order: all where none is named. Throws NOT_FOUND where one is unknown. */
  resolve(names: readonly string[]): readonly string[] {
    const known = this.names;
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

  /** Sets what is wanted of sources, durably, and sees that it is so. Calls for the same source come one after the other. */
  async want(desired: Desired, asked: readonly string[], requestId: string): Promise<SourceStatusInit[]> {
    const names = this.resolve(asked);
    this.#mustBeReady();
    return await this.#lock.run(names, async () => {
      // What is so already by what this process knows may have been changed by another one.
      await this.#options.ask(true);
      const changing = names.filter((name) => this.#entry(name).desired !== desired);
      if (changing.length > 0) {
        const offset = await this.#options.control.write(changing, desired, requestId);
        // A process that ends has stopped its workers; what was written is for the next one.
        if (this.#closed) throw shuttingDown();
        for (const [i, name] of changing.entries()) this.onControl(name, desired, offset + i);
      }
      if (desired === "STOPPED") await this.#stopped(names);
      else await this.#until(() => names.every((name) => this.#begun(name)), START_MS);
      return names.map((name) => this.#entry(name).status(changing.includes(name), this.#assignment.members));
    });
  }

  /** As {@link statuses}, with all that was wanted when it was asked; where Kafka cannot tell, each status says so. */
  async newest(asked: readonly string[]): Promise<SourceStatusInit[]> {
    const unsure = await this.#options.ask(false).then(
      () => false,
      () => true,
    );
    const statuses = this.statuses(asked);
    return unsure ? statuses.map((status) => ({ ...status, lastError: unsureText(status.lastError ?? "") })) : statuses;
  }

  /** By what this process knows. */
  statuses(asked: readonly string[]): SourceStatusInit[] {
    const names = this.resolve(asked);
    this.#mustBeReady();
    return names.map((name) => this.#entry(name).status(false, this.#assignment.members));
  }

  /** All statuses asked for, then those that change, until the signal fires. A slow watcher gets the newest, not all. */
  async *watch(asked: readonly string[], signal: AbortSignal): AsyncGenerator<SourceStatusInit[]> {
    const names = new Set(this.resolve(asked));
    const changes = new Set<string>();
    let wake: (() => void) | undefined;
    const onChange = (name: string): void => {
      if (asked.length === 0 || names.has(name)) changes.add(name);
      wake?.();
    };
    const onAbort = (): void => wake?.();
    this.#events.on("change", onChange);
    signal.addEventListener("abort", onAbort);
    const told = new Map<string, string>();
    // What changes may leave the status as it was.
    const news = (statuses: readonly SourceStatusInit[]): SourceStatusInit[] =>
      statuses.filter((status) => {
        const text = JSON.stringify(status, (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
        const isNew = told.get(status.source ?? "") !== text;
        told.set(status.source ?? "", text);
        return isNew;
      });
    try {
      yield news(this.statuses(asked));
      for (;;) {
        signal.throwIfAborted();
        if (changes.size === 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
          continue;
        }
        // A source that was removed meanwhile has no status.
        const changed = [...changes].filter((name) => this.#entries.has(name));
        changes.clear();
        const statuses = changed.length === 0 ? [] : news(this.statuses(changed));
        if (statuses.length > 0) yield statuses;
      }
    } finally {
      this.#events.off("change", onChange);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends every worker, and leaves what the operator wants as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#events.emit("closed");
    await Promise.all([...this.#entries.values()].map(async (entry) => entry.close()));
  }

  #enter(config: SourceConfig, old: SourceEntry | undefined): SourceEntry {
    const { make, owner } = this.#options;
    const made = make(config, old === undefined ? Promise.resolve() : old.close());
    const entry = new SourceEntry(config, made, owner, (urgent) => this.#changed(config.name, urgent));
    const asked = this.#asked.get(config.name);
    entry.desired = asked?.desired ?? (config.autostart ? "STARTED" : "STOPPED");
    entry.controlOffset = asked?.offset ?? -1;
    entry.published = this.#published.get(config.name);
    return entry;
  }

  #assign(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.desired === "STOPPED" && this.#asked.get(name) === undefined && entry.config.autostart)
        entry.desired = "STARTED";
      if (this.#assignment.sources.has(name)) entry.take();
      else entry.drop();
      entry.reconcile();
    }
  }

  /** Resolves when it is certain that nothing more of these sources gets written. */
  async #stopped(names: readonly string[]): Promise<void> {
    const open = (): readonly string[] => names.filter((name) => !this.#confirmed(this.#entry(name)));
    await this.#until(() => open().length === 0, STOP_MS);
    if (this.#closed) throw shuttingDown();
    const left = open();
    if (left.length === 0) return;
    const who = left.map((name) => {
      const { published, held } = this.#entry(name);
      return `"${name}" (${held ? "this ingestor" : published === undefined ? "nobody yet" : ownerText(published.owner)})`;
    });
    throw rpcError(
      Code.Unavailable,
      "OWNER_SILENT",
      `it is on record that these sources are to stop, but who polls them has not confirmed it within ${STOP_MS / 1000} seconds: ${who.join(", ")}; call again to wait on`,
      { retryAfterMs: 1000 },
    );
  }

  #confirmed(entry: SourceEntry): boolean {
    if (entry.held) return entry.quiet;
    // Nobody ever asked for it to be polled.
    if (entry.controlOffset < 0) return true;
    return entry.published?.quiet === true && entry.published.applied >= entry.controlOffset;
  }

  #begun(name: string): boolean {
    const { held, published, controlOffset } = this.#entry(name);
    const { members } = this.#assignment;
    return held || (published !== undefined && members.has(published.owner.id) && published.applied >= controlOffset);
  }

  async #until(reached: () => boolean, ms: number): Promise<void> {
    if (reached()) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#events.off("change", check).off("closed", end);
        resolve();
      };
      const check = (): void => {
        if (reached()) end();
      };
      const timer = setTimeout(end, ms);
      this.#events.on("change", check).on("closed", end);
    });
  }

  #changed(source: string, urgent: boolean): void {
    this.#events.emit("change", source);
    this.#options.onChange(source, urgent);
  }

  #entry(name: string): SourceEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw rpcError(Code.Aborted, "UNKNOWN_SOURCE", `source "${name}" was removed from the configuration meanwhile`);
    }
    return entry;
  }

  #mustBeReady(): void {
    if (this.#closed) throw shuttingDown();
    if (this.#ready) return;
    throw rpcError(
      Code.Unavailable,
      "KAFKA_UNAVAILABLE",
      `what is wanted of the sources has not been read yet from Kafka at ${this.#options.brokers.join(", ")}; try again`,
      { retryAfterMs: 1000 },
    );
  }
}

function unsureText(error: string): string {
  const text = "Kafka cannot be reached at the moment, so what is wanted of this source is as it was last heard of";
  return error === "" ? text : `${error}; ${text}`;
}

function shuttingDown(): Error {
  return rpcError(Code.Unavailable, "SHUTTING_DOWN", "the ingestor is stopping; call again", { retryAfterMs: 1000 });
}
