import { setTimeout as sleep } from "node:timers/promises";
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { Connection } from "./upstream.js";
import { fromUpstream } from "./upstream-error.js";

/** In milliseconds. */
const retryMs = { first: 100, most: 2000 };
const BEAT_MS = 1000;
/** One tick of patience with a process that does not answer, in milliseconds. Ticks do not pass while this process is frozen. */
const TICK_MS = 250;
const PATIENCE_TICKS = 12;

/**
 * - "unasked": nothing is known yet
 * - "serving"
 * - "waiting": it answers, and says that it is not ready (its Kafka is away)
 * - "gone": it cannot be reached
 */
export type PeerState = "unasked" | "serving" | "waiting" | "gone";

export interface PeerWatchOptions {
  readonly connection: Connection<DescService>;
  /** Is called after every change of state. */
  readonly onChange: (watch: PeerWatch, before: PeerState) => void;
  /**
   * Whether somebody else can do this process's work. Then one that keeps silent is given up after 3 to 4 seconds, and its
   * calls with it; otherwise it is left to the connection's own PING, which is slower: what would be gained?
   */
  readonly isReplaceable?: () => boolean;
}

/** Follows the health of one process: gRPC's Watch tells at once of what changes or breaks, and a Check of what freezes. */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  readonly #stop = new AbortController();
  readonly #loops: readonly Promise<void>[];
  #state: PeerState = "unasked";
  #problem: string | undefined;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
    const { name, address } = options.connection;
    this.#problem = `the ${name} at ${address} is not asked yet`;
    this.#loops = [this.#watch(), ...(options.isReplaceable === undefined ? [] : [this.#listenForSilence()])];
  }

  get state(): PeerState {
    return this.#state;
  }

  /** What is wrong, as a sentence; undefined while it serves. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #watch(): Promise<void> {
    const { connection } = this.#options;
    const { signal } = this.#stop;
    const { name, address } = connection;
    let delayMs = retryMs.first;
    while (!signal.aborted) {
      try {
        for await (const { status } of connection.health.watch({ service: "" }, { signal })) {
          delayMs = retryMs.first;
          if (status === Status.SERVING) this.#become("serving");
          else this.#become("waiting", `the ${name} at ${address} says that it is not ready`);
        }
        this.#become("gone", `the ${name} at ${address} ended the watch of its health`);
      } catch (error) {
        if (signal.aborted) return;
        const text = fromUpstream(error, connection).rawMessage;
        // What the service itself says does not say which one it is.
        const said = error instanceof ConnectError && error.isWireError;
        this.#become("gone", said ? `the ${name} at ${address} says: ${text}` : text);
      }
      await sleep(delayMs, undefined, { signal }).catch(() => {});
      delayMs = Math.min(delayMs * 2, retryMs.most);
    }
  }

  async #listenForSilence(): Promise<void> {
    const { connection, isReplaceable } = this.#options;
    const { signal } = this.#stop;
    const { name, address } = connection;
    while (!signal.aborted) {
      await sleep(BEAT_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted || this.#state === "gone" || this.#state === "unasked") continue;
      const over = new AbortController();
      // An error is an answer here: the watch makes of it what it means.
      const asked = connection.health.check({ service: "" }, { signal: AbortSignal.any([signal, over.signal]) }).then(
        () => true,
        () => true,
      );
      let answered = false;
      for (let tick = 0; tick < PATIENCE_TICKS && !answered && !signal.aborted; tick += 1) {
        answered = await Promise.race([asked, sleep(TICK_MS, false, { signal: over.signal }).catch(() => false)]);
      }
      over.abort();
      if (answered || signal.aborted || isReplaceable?.() !== true) continue;
      const text = `the ${name} at ${address} does not answer any more`;
      this.#become("gone", text);
      connection.breakOff(
        rpcError(Code.Unavailable, "SERVICE_UNAVAILABLE", text, {
          retryAfterMs: 1000,
          metadata: { service: name, address },
        }),
      );
    }
  }

  #become(state: PeerState, problem?: string): void {
    const before = this.#state;
    this.#state = state;
    this.#problem = problem;
    if (before !== state) this.#options.onChange(this, before);
  }
}
