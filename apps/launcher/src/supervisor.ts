import { type RestartPolicy, defaultRestartPolicy } from "./backoff.js";
import { type Output, launcherName } from "./output.js";
import { type ProcessSpec, SupervisedProcess } from "./supervised-process.js";

/** Starts processes one after the other, keeps them alive, and stops them in the opposite order. */
export class Supervisor {
  readonly output: Output;
  readonly #policy: RestartPolicy;
  readonly #processes: SupervisedProcess[] = [];
  #stopping: Promise<void> | undefined;
  #ended = false;

  constructor(output: Output, policy: RestartPolicy = defaultRestartPolicy) {
    this.output = output;
    this.#policy = policy;
  }

  /** Starts a process. Throws when stopping has begun, so that nothing outlives it. */
  start(spec: ProcessSpec): SupervisedProcess {
    if (this.#ended) throw new Error(`${spec.name} is not started: everything is being stopped`);
    const started = new SupervisedProcess(spec, this.output, this.#policy);
    this.#processes.push(started);
    started.start();
    return started;
  }

  /** Says something in the launcher's own name. */
  say(text: string): void {
    this.output(launcherName, text);
  }

  /** Stops what was started last first; each one is gone before the next is told. */
  stop(): Promise<void> {
    this.#ended = true;
    this.#stopping ??= (async () => {
      for (const running of this.#processes.toReversed()) await running.stop();
    })();
    return this.#stopping;
  }

  /** Ends everything at once, with SIGKILL. */
  killNow(): void {
    this.#ended = true;
    for (const running of this.#processes) running.killNow();
  }
}
