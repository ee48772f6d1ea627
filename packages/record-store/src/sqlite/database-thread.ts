import { Worker } from "node:worker_threads";
import { buffersOf } from "./packed-rows.js";
import type { Operation, Operations, Reply, Request, WorkerData } from "./worker-protocol.js";

/** What a thread could not do; `code` is node:fs's, or SQLITE_ and the number of SQLite's result code. */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A thread of its own that works on the database, one piece after the other. */
export class DatabaseThread {
  readonly #data: WorkerData;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #calls = 0;

  constructor(data: WorkerData) {
    this.#data = data;
  }

  /** How much it has to do. */
  get pending(): number {
    return this.#waiting.size;
  }

  async call<O extends Operation>(
    operation: O,
    input: Parameters<Operations[O]>,
    signal?: AbortSignal,
  ): Promise<ReturnType<Operations[O]>> {
    signal?.throwIfAborted();
    const worker = (this.#worker ??= this.#start());
    const call = (this.#calls += 1);
    const output = new Promise<unknown>((resolve, reject) => this.#waiting.set(call, { resolve, reject }));
    const request: Request = { call, operation, input };
    const moved = input.flatMap((part) => (typeof part === "object" && "numbers" in part ? buffersOf(part) : []));
    worker.postMessage(request, moved);
    return (await output) as ReturnType<Operations[O]>;
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: this.#data,
      // node:sqlite is experimental in Node 24, which it says once for each thread.
      execArgv: ["--disable-warning=ExperimentalWarning"],
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    });
    worker.on("message", (reply: Reply) => {
      const waiting = this.#waiting.get(reply.call);
      this.#waiting.delete(reply.call);
      if ("failure" in reply) waiting?.reject(new ThreadError(reply.failure.message, reply.failure.code));
      else waiting?.resolve(reply.output);
    });
    // The next call starts another one.
    const end = (why: string): void => {
      if (this.#worker === worker) this.#worker = undefined;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of waiting) reject(new ThreadError(why, "THREAD_ENDED"));
    };
    worker.on("error", (error) => end(`the thread of the database failed: ${String(error)}`));
    worker.on("exit", () => end("the thread of the database has ended"));
    return worker;
  }
}
