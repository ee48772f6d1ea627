import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FloodKind } from "./flood.js";
import type { FloodNews, FloodOrder } from "./flood-main.js";

/** Floods come from a process of their own: what they cost must not look like slowness of the gateway's. */
export class FloodProcess {
  readonly #child: ChildProcess;

  constructor() {
    const main = fileURLToPath(new URL("flood-main.js", import.meta.url));
    this.#child = fork(main, [], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  /** Resolves once it has begun in full; then returns what stops it, which resolves with the connections that the server ended. */
  async begin(flood: FloodKind): Promise<() => Promise<number>> {
    await this.#order(flood);
    return async () => {
      const news = await this.#order({ kind: "stop" });
      return "ended" in news ? news.ended : 0;
    };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const over = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await over;
  }

  async #order(order: FloodOrder): Promise<FloodNews> {
    const answer = once(this.#child, "message") as Promise<[FloodNews]>;
    this.#child.send(order);
    const [news] = await answer;
    if ("failed" in news) throw new Error(news.failed);
    return news;
  }
}
