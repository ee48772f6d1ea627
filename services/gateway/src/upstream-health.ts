import { setTimeout as sleep } from "node:timers/promises";
import type { DescService } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import type { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Upstream, Upstreams } from "./upstream.js";
import { fromUpstream } from "./upstream-error.js";

const retryMs = { first: 100, most: 2000 };

/** Watches the health of both services, so that the gateway says that it is ready when they are. */
export class UpstreamHealth {
  readonly #state: HealthState;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #watches: Promise<void>[];
  /** What is wrong with each service; absent: nothing. */
  readonly #problems = new Map<string, string>();
  #stopping = false;

  constructor({ ingestor, reader }: Upstreams, state: HealthState, log: Logger) {
    this.#state = state;
    this.#log = log;
    for (const { name, address } of [ingestor, reader])
      this.#problems.set(name, `the ${name} at ${address} is not asked yet`);
    this.#watches = [this.#watch(ingestor), this.#watch(reader)];
  }

  /** What keeps the gateway from being ready, a sentence each. */
  get problems(): readonly string[] {
    return this.#stopping ? ["the gateway is stopping", ...this.#problems.values()] : [...this.#problems.values()];
  }

  /** Not ready from now on, whatever the services say. */
  beginStop(): void {
    this.#stopping = true;
    this.#state.setServing(false);
  }

  async stop(): Promise<void> {
    this.beginStop();
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  async #watch<S extends DescService>(upstream: Upstream<S>): Promise<void> {
    const { signal } = this.#stop;
    const { name, address } = upstream;
    let delayMs = retryMs.first;
    while (!signal.aborted) {
      try {
        for await (const { status } of upstream.health.watch({ service: "" }, { signal })) {
          delayMs = retryMs.first;
          this.#report(
            name,
            status === Status.SERVING ? undefined : `the ${name} at ${address} says that it is not ready`,
          );
        }
        this.#report(name, `the ${name} at ${address} ended the watch of its health`);
      } catch (error) {
        if (signal.aborted) return;
        const text = fromUpstream(error, upstream).rawMessage;
        // What the service itself says does not say which one it is.
        const said = error instanceof ConnectError && error.isWireError;
        this.#report(name, said ? `the ${name} at ${address} says: ${text}` : text);
      }
      await sleep(delayMs, undefined, { signal }).catch(() => {});
      delayMs = Math.min(delayMs * 2, retryMs.most);
    }
  }

  #report(name: string, problem: string | undefined): void {
    const before = this.#problems.get(name);
    if (problem === undefined) this.#problems.delete(name);
    else this.#problems.set(name, problem);
    if ((before === undefined) !== (problem === undefined)) {
      if (problem === undefined) this.#log.info(`the ${name} is ready`);
      else this.#log.warn(problem);
    }
    if (!this.#stopping) this.#state.setServing(this.#problems.size === 0);
  }
}
