import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";

/** How long a call of a client that does nothing wrong may take, whatever others do, in milliseconds. */
const deadlineMs = 5000;

/**
 * A client that does nothing wrong, and goes on asking: by gRPC, and for `/data` over HTTP/1.1 on a connection of its own each time.
 * What it was not answered within its deadline is in `failures`.
 */
export class GoodClient {
  readonly failures: string[] = [];
  answers = 0;
  worstMs = 0;
  readonly #port: number;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#running = Promise.all([this.#grpc(), this.#data()]).then(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #grpc(): Promise<void> {
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${this.#port}` });
    const client = createClient(WorkerControl, transport);
    await this.#repeat("GetStatus by gRPC", async () => {
      await client.getStatus({}, { timeoutMs: deadlineMs });
    });
  }

  async #data(): Promise<void> {
    await this.#repeat("/data over HTTP/1.1", async () => {
      const { status, text } = await get(this.#port, "/data?reader=good&limit=1");
      if (status !== 200) throw new Error(`status ${status}: ${text}`);
    });
  }

  async #repeat(what: string, call: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      try {
        await call();
        this.answers += 1;
        this.worstMs = Math.max(this.worstMs, performance.now() - began);
      } catch (error) {
        this.failures.push(`${what}, after ${Math.round(performance.now() - began)} ms: ${String(error)}`);
      }
      await sleep(20);
    }
  }
}

function get(port: number, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs);
    const req = http.get({ port, host: "127.0.0.1", path, agent: false, signal }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      res.once("end", () => resolve({ status: res.statusCode ?? 0, text }));
      res.once("error", reject);
    });
    req.once("error", reject);
  });
}
