import { FollowProgress } from "@apispool/common/follow-progress.js";
import { retryUnavailable } from "@apispool/common/retry-unavailable.js";
import type { FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { gapJson } from "@apispool/gateway/data-text.js";
import { Failure, inWords } from "./failure.js";
import type { Gateway } from "./gateway.js";
import { printable } from "./printable.js";
import { type RecordLine, linesOf } from "./record-lines.js";
import { OutputClosed, type Surroundings } from "./surroundings.js";

/** How long an acknowledgement is tried while the gateway or Kafka is away, in milliseconds. */
const acknowledgeMs = 30_000;

export interface DeliveryOptions {
  readonly gateway: Gateway;
  readonly around: Surroundings;
  readonly line: RecordLine;
  /** Whom to move on; undefined: nobody. */
  readonly reader: string | undefined;
  /** Tells the person something beside the records. */
  readonly say: (text: string) => void;
}

/**
 * Writes batches to the output, and acknowledges each only once the operating system has taken all of it: what a broken pipe
 * or a Ctrl-C kept from being written is unread as before.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #progress: FollowProgress | undefined;
  #failed: unknown;
  /** Records written. */
  count = 0;
  /** The cursor behind what was written last; empty before. */
  cursor = "";

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { reader } = options;
    if (reader === undefined) return;
    this.#progress = new FollowProgress(
      async (cursor) => await this.#acknowledge(reader, cursor),
      async () => Promise.resolve(true),
    );
  }

  async deliver(batch: FetchUnreadResponse): Promise<void> {
    const { around, gateway, line, say } = this.#options;
    for (const { source, partition, fromOffset, toOffset, reason, detail } of batch.gaps.map(gapJson)) {
      const why = reason.toLowerCase();
      say(`gap in ${source}/${partition}, offsets ${fromOffset} to ${toOffset} (${why}): ${printable(detail)}`);
    }
    if (batch.records.length > 0) await around.write(linesOf(batch, line), gateway.signal);
    this.count += batch.records.length;
    if (batch.cursor === "") return;
    this.cursor = batch.cursor;
    if (batch.records.length > 0 || batch.gaps.length > 0) this.#progress?.handedOver(batch.cursor);
  }

  /** Acknowledges what has been written and is not yet. Fails where that cannot be had. */
  async settle(): Promise<void> {
    await this.#progress?.received();
    if (this.#failed === undefined) return;
    const why = inWords(this.#failed, this.#options.gateway.url);
    throw new Failure(`what was written could not be acknowledged, and will come again: ${why}`);
  }

  /** Takes batches until there are no more, or nobody wants them; settles whatever happens. */
  async run(batches: AsyncIterable<FetchUnreadResponse>): Promise<void> {
    try {
      for await (const batch of batches) {
        await this.deliver(batch);
        if (batch.complete) break;
      }
    } catch (error) {
      await this.settle();
      if (!(error instanceof OutputClosed)) throw error;
    }
    await this.settle();
  }

  async #acknowledge(reader: string, cursor: string): Promise<boolean> {
    if (cursor === "") return false;
    const { data } = this.#options.gateway;
    try {
      await retryUnavailable(acknowledgeMs, async () => data.acknowledge({ reader, cursor }, { timeoutMs: 10_000 }));
      this.#failed = undefined;
      return true;
    } catch (error) {
      this.#failed = error;
      return false;
    }
  }
}
