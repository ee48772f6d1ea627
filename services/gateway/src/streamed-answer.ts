import type { Encoding } from "./accept-encoding.js";
import { Compressor } from "./compressor.js";
import type { Exchange } from "./exchange.js";
import { end, write } from "./write.js";

/** Text that is shorter is not worth compressing, in bytes. */
export const worthCompressing = 1024;

export interface StreamedAnswerOptions {
  readonly head: Readonly<Record<string, string>>;
  readonly encoding: Encoding;
  /** Somebody reads along: the head, and each piece, have to be there at once. */
  readonly live: boolean;
  /** How long the client may take nothing, in milliseconds. */
  readonly stallTimeoutMs: number;
}

/**
 * An answer whose text comes piece by piece, compressed where the client likes that. A piece is with the connection when its
 * promise is fulfilled, down to its last byte: the evidence of receipt builds on that. Nothing is kept but, of an answer
 * that might turn out to be short, its beginning.
 */
export class StreamedAnswer {
  readonly #exchange: Exchange;
  readonly #options: StreamedAnswerOptions;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #begun = false;
  #compressor: Compressor | undefined;

  constructor(exchange: Exchange, options: StreamedAnswerOptions) {
    this.#exchange = exchange;
    this.#options = options;
  }

  /** Whether the head has been sent; until then the answer may become any other. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Sends the head of a live answer; of another one it is sent with the first text. */
  begin(): void {
    if (!this.#begun && this.#options.live) this.#begin(true);
  }

  /** Fails with a ConnectError when the client is gone or takes nothing. */
  async write(text: string | Uint8Array): Promise<void> {
    if (text.length === 0) return;
    this.#exchange.signal.throwIfAborted();
    const { coding } = this.#options.encoding;
    if (!this.#begun && !this.#options.live && coding !== "identity") {
      const bytes = bytesOf(text);
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
      if (this.#heldBytes < worthCompressing) return;
      this.#begin(true);
      await this.#send(this.#heldText());
      return;
    }
    if (!this.#begun) this.#begin(true);
    await this.#send(text);
  }

  /** Writes what is left, and ends the answer. A client that does not take it is cut off. */
  async end(text: string, trailers: Readonly<Record<string, string>> = {}): Promise<void> {
    const { stallTimeoutMs, encoding, live } = this.#options;
    const last = Buffer.concat([this.#heldText(), Buffer.from(text)]);
    if (!this.#begun) this.#begin(live || last.length >= worthCompressing || !encoding.plainToo);
    const { res } = this.#exchange;
    const rest = this.#compressor === undefined ? last : Buffer.concat(await this.#compressor.end(last));
    if (!this.#exchange.closed && Object.keys(trailers).length > 0) res.addTrailers(trailers);
    end(this.#exchange, rest, stallTimeoutMs);
  }

  /** Gives back what compressing took; to be called whatever happened. */
  close(): void {
    this.#compressor?.close();
  }

  #begin(compressed: boolean): void {
    const { res, closed } = this.#exchange;
    const { head, encoding, live } = this.#options;
    this.#begun = true;
    const { coding } = encoding;
    if (compressed && coding !== "identity") this.#compressor = new Compressor(coding);
    if (closed) return;
    res.writeHead(200, this.#compressor === undefined ? head : { ...head, "content-encoding": coding });
    // HTTP/2 sends them at once.
    if (live && "flushHeaders" in res) res.flushHeaders();
  }

  async #send(text: string | Uint8Array): Promise<void> {
    const { stallTimeoutMs } = this.#options;
    if (this.#compressor === undefined) return write(this.#exchange, text, stallTimeoutMs);
    for (const piece of await this.#compressor.write(bytesOf(text))) await write(this.#exchange, piece, stallTimeoutMs);
  }

  #heldText(): Buffer {
    const text = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return text;
  }
}

function bytesOf(text: string | Uint8Array): Buffer {
  return typeof text === "string" ? Buffer.from(text) : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}
