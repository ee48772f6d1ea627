import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { RestartBackoff, type RestartPolicy } from "./backoff.js";
import { type Output, launcherName } from "./output.js";

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** An IPC channel, by whose end the process learns that the launcher is gone. */
  readonly ipc: boolean;
  /** Takes the process's output instead of the launcher's own. */
  readonly logFile?: string;
  /** From SIGTERM to SIGKILL, in milliseconds. */
  readonly stopTimeoutMs: number;
  /** Exit codes that a restart cannot cure. */
  readonly finalExitCodes?: readonly number[];
  readonly onSpawn?: (pid: number) => void;
  /** What is known about a death beyond the exit code. */
  readonly explain?: () => string | undefined;
}

/** `waiting` for its next start; `failed`: it will not be started again. */
export type ProcessState = "running" | "waiting" | "stopped" | "failed";

/** A process that is started again whenever it dies, until it is told to stop. */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #output: Output;
  readonly #backoff: RestartBackoff;
  #child: ChildProcess | undefined;
  #state: ProcessState = "stopped";
  #restarts = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #lastDeath: string | undefined;

  constructor(spec: ProcessSpec, output: Output, policy: RestartPolicy) {
    this.spec = spec;
    this.#output = output;
    this.#backoff = new RestartBackoff(policy);
  }

  get name(): string {
    return this.spec.name;
  }

  /** Undefined while it is not running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** How many times it was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** How and why it died last, for a person. */
  get lastDeath(): string | undefined {
    return this.#lastDeath;
  }

  start(): void {
    if (this.#state === "running" || this.#state === "waiting") return;
    this.#spawn();
  }

  /** Sends a signal as an outsider would: what dies of it comes back. */
  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** kill -9 as an outsider would; resolves when it is dead (and about to come back). */
  async crash(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const dead = once(child, "exit");
    child.kill("SIGKILL");
    await dead;
  }

  /** SIGTERM, and SIGKILL where that does not end it in time. It is not started again. */
  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    this.#state = "stopped";
    if (child === undefined) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#say(`did not stop within ${this.spec.stopTimeoutMs / 1000} s and was killed`);
      this.killNow();
    }, this.spec.stopTimeoutMs);
    await closed;
    clearTimeout(timer);
  }

  /** SIGKILL for it and everything that it started; it is not started again. Does not wait. */
  killNow(): void {
    clearTimeout(this.#restartTimer);
    this.#state = "stopped";
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      this.#child?.kill("SIGKILL");
    }
  }

  #spawn(): void {
    const { command, args, env, cwd, ipc, logFile, onSpawn } = this.spec;
    const log = logFile === undefined ? undefined : openSync(logFile, "a");
    const out = log ?? "pipe";
    const stdio: StdioOptions = ["ignore", out, out, ...(ipc ? (["ipc"] as const) : [])];
    // A process group of its own: Ctrl-C in a terminal goes to the whole group, and the order of stopping is ours.
    const child = spawn(command, args, { env, stdio, detached: true, ...(cwd === undefined ? {} : { cwd }) });
    if (log !== undefined) closeSync(log);
    this.#child = child;
    this.#state = "running";
    const startedAt = performance.now();
    let over = false;
    const ended = (how: string, code: number | null): void => {
      if (over) return;
      over = true;
      this.#child = undefined;
      this.#died(how, code, performance.now() - startedAt);
    };
    child.on("error", (error) => {
      if (child.pid === undefined) ended(error.message, null);
    });
    child.once("exit", (code, signal) => ended(signal ?? `exit code ${code ?? "unknown"}`, code));
    for (const stream of [child.stdout, child.stderr]) this.#forward(stream);
    if (child.pid !== undefined) onSpawn?.(child.pid);
  }

  #forward(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => this.#output(this.name, line));
  }

  #died(how: string, code: number | null, upMs: number): void {
    if (this.#state !== "running") return;
    const explanation = this.spec.explain?.();
    this.#lastDeath = explanation === undefined ? how : `${how}; ${explanation}`;
    if (code !== null && this.spec.finalExitCodes?.includes(code) === true) {
      this.#state = "failed";
      this.#say(`ended (${this.#lastDeath}); starting it again would not help`);
      return;
    }
    const waitMs = this.#backoff.afterDeath(upMs);
    this.#state = "waiting";
    this.#say(`died (${this.#lastDeath}); starting it again in ${waitMs} ms`);
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1;
      this.#spawn();
      if (this.pid !== undefined) this.#say(`started again (pid ${this.pid})`);
    }, waitMs);
  }

  #say(text: string): void {
    this.#output(launcherName, `${this.name} ${text}`);
  }
}
