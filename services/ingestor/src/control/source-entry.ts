import type { SourceConfig } from "../config/source-config.js";
import type { Owner } from "../state/source-state.js";
import { type SourceStatusInit, toSourceStatus } from "../worker/worker-status.js";
import type { Worker } from "../worker/worker.js";
import type { Desired } from "./control-log.js";
import type { PublishedInit, PublishedStatus } from "./status-log.js";

/** A worker and what it was made with. */
export interface Made {
  readonly worker: Worker;
  /** Shuts out whoever may still write the source, without polling it. */
  readonly shutOut: () => Promise<void>;
  readonly close: () => void;
}

/** One source: its worker, who is to poll it, and what the operator wants of it. */
export class SourceEntry {
  readonly config: SourceConfig;
  readonly made: Made;
  readonly #owner: Owner;
  readonly #changed: (urgent: boolean) => void;
  desired: Desired = "STOPPED";
  /** Of the control record by which that is desired; -1 where nobody ever asked. */
  controlOffset = -1;
  /** Whether this process is to poll it where it is started. */
  held = false;
  /** What its owner tells; this process, where it is the owner. */
  published: PublishedStatus | undefined;
  /** An earlier owner may be in the middle of a write: it did not say that it ended. */
  #mustShutOut = false;
  /** The newest control record that has been acted upon to its end. */
  #applied = -1;
  #stopping: Promise<void> | undefined;

  constructor(config: SourceConfig, made: Made, owner: Owner, changed: (urgent: boolean) => void) {
    this.config = config;
    this.made = made;
    this.#owner = owner;
    this.#changed = changed;
  }

  /** Nothing of it is being written here, nor by anybody whom this process has replaced. */
  get quiet(): boolean {
    return this.desired === "STOPPED" && this.#applied >= this.controlOffset && this.#stopping === undefined;
  }

  /** The source is this process's to poll. */
  take(): void {
    if (this.held) return;
    this.held = true;
    this.#mustShutOut =
      this.published !== undefined && this.published.owner.id !== this.#owner.id && !this.published.quiet;
    this.#changed(true);
  }

  /** It is not, or not certainly, any more. */
  drop(): void {
    if (!this.held) return;
    this.held = false;
    this.#changed(true);
  }

  /** Makes so what is wanted, as far as it is for this process to do. */
  reconcile(): void {
    const { worker } = this.made;
    const wanted = this.held && this.desired === "STARTED";
    if (wanted) {
      worker.start();
      this.#applied = this.controlOffset;
      this.#changed(true);
      return;
    }
    if (this.held && this.quiet && !worker.running) return;
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
      this.#changed(true);
      // What is wanted may have changed meanwhile.
      if (this.held && (this.desired === "STARTED" || !this.quiet)) this.reconcile();
    });
  }

  /** Ends the worker, whatever is wanted. */
  async close(): Promise<void> {
    await this.made.worker.stop({ abandon: !this.held, waiting: this.desired === "STARTED" });
    this.made.close();
  }

  status(changed: boolean, members: ReadonlySet<string>): SourceStatusInit {
    const { published, desired } = this;
    const elsewhere = published !== undefined && published.owner.id !== this.#owner.id;
    if (!this.held && elsewhere && members.has(published.owner.id)) {
      const { desiredState } = toSourceStatus(this.made.worker.status, desired, changed, "");
      return { ...published.status, changed, ...(desiredState === undefined ? {} : { desiredState }) };
    }
    const owner = this.held && this.made.worker.running ? ownerText(this.#owner) : "";
    return toSourceStatus(this.made.worker.status, desired, changed, owner);
  }

  /** What others are told; undefined where it is not for this process to tell. */
  telling(quiet = this.quiet): PublishedInit | undefined {
    if (!this.held) return undefined;
    const owner = this.#owner;
    return { owner, applied: this.#applied, quiet, status: this.status(false, new Set()) };
  }

  async #stop(): Promise<void> {
    const { worker, shutOut } = this.made;
    const offset = this.controlOffset;
    const { held } = this;
    await worker.stop({ abandon: !held, waiting: this.desired === "STARTED" });
    if (!held || !this.held) return;
    if (this.desired === "STOPPED" && this.#mustShutOut) {
      await shutOut().catch(() => undefined);
      this.#mustShutOut = false;
    }
    this.#applied = Math.max(this.#applied, offset);
  }
}

/** An ingestor as people are shown it. */
export function ownerText({ host, pid, id }: Owner): string {
  return `${host}#${pid}#${id.slice(0, 8)}`;
}
