import type { Exchange } from "../exchange.js";

/** One answer whose client does not take it. */
interface Stalled {
  readonly bytes: number;
  readonly cutOff: () => void;
}

/** What a fetch that is held back may keep beside what it has written: the stream behind it, and a batch made ready. */
const behindBytes = 256 * 1024;

/**
 * What waits in this process for clients that do not take it. Where that becomes too much the answer that has waited for the
 * longest is cut off: who reads is through in a moment, and is not it.
 */
export class StalledAnswers {
  readonly #mostBytes: number;
  /** The oldest first. */
  readonly #waiting = new Set<Stalled>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** An answer waits from now on; returns what is to be called when it does not any more. */
  wait({ res, stream }: Exchange, cutOff: () => void): () => void {
    const stalled = { bytes: behindBytes + res.writableLength + (stream?.writableLength ?? 0), cutOff };
    this.#waiting.add(stalled);
    this.#bytes += stalled.bytes;
    while (this.#bytes > this.#mostBytes && this.#waiting.size > 1) {
      const [oldest] = this.#waiting;
      if (oldest === undefined) break;
      this.#end(oldest);
      oldest.cutOff();
    }
    return () => this.#end(stalled);
  }

  #end(stalled: Stalled): void {
    if (this.#waiting.delete(stalled)) this.#bytes -= stalled.bytes;
  }
}
