import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { FollowersReport } from "./followers-main.js";

/** Live tails in a process of their own, so that what they cost does not delay who writes. */
export class Followers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all of them are at the end of the source. `prefix` begins their readers' names. */
  static async start(
    self: NodeJS.Process,
    options: { address: string; count: number; connections: number; prefix: string; source: string },
  ): Promise<Followers> {
    const { address, count, connections, prefix, source } = options;
    const args = [address, String(count), String(connections), prefix, source];
    const child = fork(join(import.meta.dirname, "followers-main.js"), args);
    self.on("exit", () => child.kill("SIGKILL"));
    const followers = new Followers(child);
    await followers.#next((message) => message === "ready", 120_000);
    return followers;
  }

  /** Forgets what has come so far. */
  async begin(): Promise<void> {
    this.#child.send("begin");
    await this.#next((message) => message === "begun", 30_000);
  }

  async report(): Promise<FollowersReport> {
    this.#child.send("report");
    return (await this.#next((message) => typeof message === "object", 60_000)) as FollowersReport;
  }

  /** Waits until everyone has so many records, for `mostMs` at most, and reports. */
  async until(records: number, mostMs: number): Promise<FollowersReport> {
    for (const end = performance.now() + mostMs; ;) {
      const report = await this.report();
      if (report.least >= records || performance.now() > end) return report;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.disconnect();
    await gone;
  }

  #next(wanted: (message: unknown) => boolean, mostMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#child.off("message", take);
        this.#child.off("exit", gone);
      };
      const take = (message: unknown): void => {
        if (!wanted(message)) return;
        done();
        resolve(message);
      };
      const gone = (): void => {
        done();
        reject(new Error("the followers' process ended"));
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error("the followers do not answer"));
      }, mostMs);
      this.#child.on("message", take);
      this.#child.once("exit", gone);
    });
  }
}
