import type { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import type { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { PeerWatch } from "./peer-watch.js";
import type { Readers } from "./readers.js";
import type { Connection } from "./upstream.js";

/** Says that the gateway is ready when the ingestor and one reader process at least are. */
export class UpstreamHealth {
  readonly #state: HealthState;
  readonly #ingestor: PeerWatch;
  readonly #readers: Readers;
  #stopping = false;

  constructor(ingestor: Connection<typeof WorkerControl>, readers: Readers, state: HealthState, log: Logger) {
    this.#state = state;
    this.#readers = readers;
    this.#ingestor = new PeerWatch({
      connection: ingestor,
      onChange: ({ problem }, before) => {
        if (problem === undefined) log.info("the ingestor is ready");
        else if (before === "serving" || before === "unasked") log.warn(problem);
        this.#report();
      },
    });
    readers.onChange(() => this.#report());
    this.#report();
  }

  /** What keeps the gateway from being ready, a sentence each. */
  get problems(): readonly string[] {
    const { problem } = this.#ingestor;
    return [
      ...(this.#stopping ? ["the gateway is stopping"] : []),
      ...(problem === undefined ? [] : [problem]),
      ...this.#readers.problems,
    ];
  }

  /** Not ready from now on, whatever the services say. */
  beginStop(): void {
    this.#stopping = true;
    this.#state.setServing(false, "the gateway is stopping");
  }

  async stop(): Promise<void> {
    this.beginStop();
    await this.#ingestor.stop();
  }

  #report(): void {
    if (!this.#stopping) this.#state.setServing(this.problems.length === 0, this.problems.join("; "));
  }
}
