import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@connectrpc/connect";
import type { DataReader, FetchUnreadResponse, Gap } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import type { FetchInit } from "./harness.js";

/** A live tail, with all that it has been given. */
export class Following {
  readonly records: DataRecord[] = [];
  readonly gaps: Gap[] = [];
  /** How the stream ended; undefined while it is open, or where it ended in order. */
  failure: unknown;
  over = false;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #held: Promise<void> | undefined;
  #release: () => void = () => {};

  constructor(client: Client<typeof DataReader>, init: FetchInit) {
    this.#done = this.#read(client.fetchUnread({ follow: true, ...init }, { signal: this.#stop.signal }));
  }

  /** Takes nothing off the stream until `go`, but a message that is under way. */
  hold(): void {
    this.#held ??= new Promise((resolve) => (this.#release = resolve));
  }

  go(): void {
    this.#release();
    this.#held = undefined;
  }

  async until(check: () => boolean, what: () => string): Promise<void> {
    for (const end = Date.now() + 40_000; !check();) {
      if (this.over) throw new Error(`the stream ended before ${what()}: ${String(this.failure)}`);
      if (Date.now() > end) throw new Error(`not in 40 s: ${what()}`);
      await sleep(5);
    }
  }

  async untilCount(count: number): Promise<void> {
    await this.until(
      () => this.records.length >= count,
      () => `${count} records (${this.records.length} came)`,
    );
  }

  async stop(): Promise<void> {
    this.go();
    this.#stop.abort();
    await this.#done;
  }

  async ended(): Promise<unknown> {
    await this.#done;
    return this.failure;
  }

  async #read(stream: AsyncIterable<FetchUnreadResponse>): Promise<void> {
    try {
      for await (const { records, gaps } of stream) {
        this.records.push(...records);
        this.gaps.push(...gaps);
        await this.#held;
      }
    } catch (error) {
      this.failure = error;
    } finally {
      this.over = true;
    }
  }
}
