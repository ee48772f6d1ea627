import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Projection, RecordStore, StoreRow } from "@apispool/record-store/store.js";
import { Follower, type FollowerOptions, type Progress } from "./follower.js";

const PAUSE_MS = 500;

export interface ProjectorOptions {
  readonly store: RecordStore;
  readonly catalogue: Catalogue;
  /** Makes a reader of Kafka of its own for each follower. */
  readonly createLog: () => LogReader;
  readonly logger: Logger;
  readonly fetchBytes: number;
  /** What is so old already is not read in the first place. */
  readonly skipMs: FollowerOptions["skipMs"];
  readonly onWritten: (rows: readonly StoreRow[]) => void;
  readonly onRebuilt: (outcome: "complete" | "failed") => void;
}

/** How far a rebuild is. */
export interface RebuildStanding {
  readonly done: number;
  readonly total: number;
  readonly elapsedMs: number;
}

interface Rebuild {
  readonly follower: Running | undefined;
  readonly begun: number;
  readonly over: Promise<void>;
}

interface Running {
  readonly follower: Follower;
  stop(): Promise<void>;
}

/** Keeps the store up with Kafka, and builds it again beside itself when that is asked for. */
export class Projector {
  readonly #options: ProjectorOptions;
  readonly #stop = new AbortController();
  #current: Running | undefined;
  #rebuild: Rebuild | undefined;
  #problem = "it is starting";
  #opened: Promise<void> | undefined;

  constructor(options: ProjectorOptions) {
    this.#options = options;
  }

  /** The partitions that are followed. */
  get progress(): readonly Progress[] {
    return this.#current?.follower.progress ?? [];
  }

  /** Why the store does not follow; empty when it does. */
  get problem(): string {
    return this.#current?.follower.problem ?? this.#problem;
  }

  /** Undefined: none is under way. */
  get rebuild(): RebuildStanding | undefined {
    const rebuild = this.#rebuild;
    if (rebuild === undefined) return undefined;
    let done = 0;
    let total = 0;
    for (const { begin, nextOffset, end } of rebuild.follower?.follower.progress ?? []) {
      done += nextOffset - begin;
      total += Math.max(nextOffset, end ?? nextOffset) - begin;
    }
    return { done, total, elapsedMs: performance.now() - rebuild.begun };
  }

  /** Begins, as soon as the database can be reached; goes on with a rebuild that an earlier process has left. */
  start(): void {
    this.#opened ??= this.#open();
  }

  /** Begins a rebuild, or joins the one that is under way. Resolves with its end; rejects where it could not be begun or finished. */
  rebuilt(): Promise<void> {
    this.#rebuild ??= this.#beginRebuild(this.#options.store.beginRebuild());
    return this.#rebuild.over;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#opened;
    await Promise.all([this.#current?.stop(), this.#rebuild?.follower?.stop()]);
    await this.#rebuild?.over.catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { store, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await store.open(signal);
        if (signal.aborted) return;
        this.#current = this.#follow(store.current);
        const building = await store.building();
        if (building !== undefined && this.#rebuild === undefined) {
          logger.info("the rebuild that was under way goes on");
          this.#rebuild = this.#beginRebuild(Promise.resolve(building));
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        const why = error instanceof ConnectError ? error.rawMessage : describeError(error);
        if (why !== this.#problem) logger.warn({ err: describeError(error) }, why);
        this.#problem = why;
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #follow(projection: Projection): Running {
    const { createLog, ...options } = this.#options;
    const log = createLog();
    const follower = new Follower({ ...options, log, projection });
    follower.start();
    return {
      follower,
      async stop() {
        await follower.stop();
        await log.close();
      },
    };
  }

  #beginRebuild(made: Promise<Projection>): Rebuild {
    const { logger, onRebuilt } = this.#options;
    const rebuild = { follower: undefined as Running | undefined, begun: performance.now(), over: Promise.resolve() };
    rebuild.over = this.#runRebuild(made, rebuild).then(
      () => {
        this.#rebuild = undefined;
        if (this.#stop.signal.aborted) return;
        onRebuilt("complete");
        logger.info(`the store was built anew in ${Math.round((performance.now() - rebuild.begun) / 1000)} s`);
      },
      (error: unknown) => {
        this.#rebuild = undefined;
        onRebuilt("failed");
        logger.warn({ err: describeError(error) }, "the store could not be built anew");
        throw error;
      },
    );
    rebuild.over.catch(() => undefined);
    return rebuild;
  }

  async #runRebuild(made: Promise<Projection>, rebuild: { follower: Running | undefined }): Promise<void> {
    const { signal } = this.#stop;
    const { store } = this.#options;
    const projection = await made;
    const building = (rebuild.follower = this.#follow(projection));
    try {
      while (!building.follower.isComplete && !signal.aborted) {
        await sleep(100, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      await building.stop();
    }
    // Another process goes on with it.
    if (signal.aborted) return;
    await this.#current?.stop();
    try {
      await store.finishRebuild();
    } finally {
      this.#current = this.#follow(store.current);
    }
  }
}
