import { Code } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { EventEmitter, once } from "node:events";
import { rpcError } from "./errors.js";
import type { Implementation, SignalContext } from "./grpc-server.js";

/** Keeps what grpc.health.v1.Health tells; the empty name stands for the whole server. */
export class HealthState {
  readonly #serving = new Map<string, boolean>();
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #apart: ReadonlySet<string>;
  #problem = "it is starting";

  /** `apart`: services that the whole server can do without, and that are told of by themselves. */
  constructor(services: readonly string[], apart: readonly string[] = []) {
    this.#apart = new Set(apart);
    for (const name of ["", ...services, ...apart]) this.#serving.set(name, false);
  }

  get serving(): boolean {
    return this.#serving.get("") === true;
  }

  /** What keeps it from serving, in words. */
  get problem(): string {
    return this.serving ? "" : this.#problem;
  }

  setServing(serving: boolean, problem = "it is starting, or stopping"): void {
    this.#problem = problem;
    if (serving === this.serving) return;
    for (const name of this.#serving.keys()) if (!this.#apart.has(name)) this.#serving.set(name, serving);
    this.#events.emit("change");
  }

  /** As {@link setServing}, of one service that stands apart. */
  setApart(name: string, serving: boolean): void {
    if (!this.#apart.has(name) || this.#serving.get(name) === serving) return;
    this.#serving.set(name, serving);
    this.#events.emit("change");
  }

  statusOf(name: string): Status | undefined {
    const serving = this.#serving.get(name);
    return serving === undefined ? undefined : serving ? Status.SERVING : Status.NOT_SERVING;
  }

  names(): readonly string[] {
    return [...this.#serving.keys()];
  }

  async changed(signal: AbortSignal): Promise<void> {
    await once(this.#events, "change", { signal });
  }
}

/** grpc.health.v1.Health over a state; runs on grpc-js and on Connect alike. */
export function healthService(state: HealthState): Implementation<(typeof Health)["method"], SignalContext> {
  return {
    check({ service }) {
      const status = state.statusOf(service);
      if (status === undefined) {
        throw rpcError(
          Code.NotFound,
          "INVALID_FIELD",
          `service: no service "${service}" here; known are ${state
            .names()
            .map((n) => `"${n}"`)
            .join(", ")}`,
        );
      }
      return { status };
    },
    list() {
      return {
        statuses: Object.fromEntries(state.names().map((n) => [n, { status: state.statusOf(n) ?? Status.UNKNOWN }])),
      };
    },
    async *watch({ service }, { signal }) {
      for (;;) {
        yield { status: state.statusOf(service) ?? Status.SERVICE_UNKNOWN };
        await state.changed(signal);
      }
    },
  };
}
