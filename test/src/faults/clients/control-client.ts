import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { describeError } from "@apispool/common/errors.js";
import { DesiredState, WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Random } from "../../support/random.js";
import type { History } from "../history.js";

const CALL_MS = 20_000;
/** How long every source may take to start where nothing is wrong. In milliseconds. */
const START_ALL_MS = 60_000;

/** Numbers operations; shared by all clients of a run. */
export interface Ops {
  next: number;
}

interface Door {
  readonly session: Http2SessionManager;
  readonly client: Client<typeof WorkerControl>;
}

/** Starts and stops sources and asks how they are, now here, now there, and writes down what it is told. */
export class ControlClient {
  readonly #name: string;
  readonly #history: History;
  readonly #sources: readonly string[];
  readonly #random: Random;
  readonly #ops: Ops;
  readonly #doors: readonly Door[];
  readonly #stop = new AbortController();
  #paused = false;
  #turn: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;

  constructor(options: {
    readonly name: string;
    readonly history: History;
    readonly sources: readonly string[];
    readonly random: Random;
    readonly ops: Ops;
    /** Of the gateway and of each ingestor. */
    readonly urls: readonly string[];
  }) {
    this.#name = options.name;
    this.#history = options.history;
    this.#sources = options.sources;
    this.#random = options.random;
    this.#ops = options.ops;
    this.#doors = options.urls.map((baseUrl) => {
      const sessionManager = new Http2SessionManager(baseUrl);
      const transport = createGrpcTransport({ baseUrl, sessionManager });
      return { session: sessionManager, client: createClient(WorkerControl, transport) };
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when it does nothing more. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#turn;
  }

  resume(): void {
    this.#paused = false;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const { session } of this.#doors) session.abort();
  }

  /** Starts every source, however often it has to be said; false: it could not be done in time. */
  async startAll(): Promise<boolean> {
    const end = performance.now() + START_ALL_MS;
    for (const source of this.#sources) {
      while (!(await this.#do("start", source))) {
        if (performance.now() > end) return false;
        await sleep(200);
      }
    }
    return true;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (!this.#paused) {
        this.#turn = this.#act();
        await this.#turn;
      }
      await sleep(50 + this.#random.below(400), undefined, { signal }).catch(() => undefined);
    }
  }

  async #act(): Promise<void> {
    const source = this.#sources[this.#random.below(this.#sources.length)] ?? "";
    const dice = this.#random.next();
    if (dice < 0.6) {
      await this.#do("status", source);
      return;
    }
    if (dice < 0.75) {
      await this.#do("start", source);
      return;
    }
    await this.#do("stop", source);
    await this.#do("status", source);
    await sleep(this.#random.below(800));
    for (let tries = 0; tries < 20 && !this.#stop.signal.aborted && !(await this.#do("start", source)); tries += 1)
      await sleep(100);
  }

  async #do(what: "start" | "stop" | "status", source: string): Promise<boolean> {
    const place = this.#random.below(this.#doors.length);
    const client = this.#doors[place]?.client;
    if (client === undefined) return false;
    this.#ops.next += 1;
    const op = this.#ops.next;
    const from = `${this.#name} at ${place === 0 ? "the gateway" : `ingestor-${place}`}`;
    this.#history.add({ kind: "invoke", op, client: from, what, source });
    try {
      const request = { sources: [source] };
      const options = { timeoutMs: CALL_MS };
      if (what === "status") {
        const { sources } = await client.getStatus(request, options);
        const unsure = sources[0]?.lastError.includes("as it was last heard of") === true;
        const desired = sources[0]?.desiredState === DesiredState.STARTED ? "STARTED" : "STOPPED";
        this.#history.add({ kind: "return", op, outcome: unsure ? "unknown" : "ok", desired });
      } else {
        await (what === "start" ? client.start(request, options) : client.stop(request, options));
        this.#history.add({ kind: "return", op, outcome: "ok" });
      }
      return true;
    } catch (error) {
      this.#history.add({ kind: "return", op, outcome: "unknown", why: describeError(error) });
      return false;
    }
  }
}
