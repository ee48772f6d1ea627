/** A flag and the length in four bytes stand before each message of a gRPC stream. */
const HEAD_BYTES = 5;
/** Nobody sends so much; a length beyond it is a sign that the sender speaks something else. */
const MOST_BYTES = 512 * 1024 * 1024;

/** A message as it travels. */
export function enveloped(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, HEAD_BYTES);
  return bytes;
}

/** Finds the messages in a stream's bytes, however these are cut. Each is put together in one piece of memory, once. */
export class EnvelopeSplitter {
  readonly #onMessage: (message: Buffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headLength = 0;
  #message: Buffer | undefined;
  #length = 0;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** A message has begun and is not whole yet. */
  get inMessage(): boolean {
    return this.#headLength > 0;
  }

  /** Throws for what is no uncompressed message. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message === undefined) {
        this.#head[this.#headLength++] = chunk[at++] as number;
        if (this.#headLength < HEAD_BYTES) continue;
        if (this.#head[0] !== 0) throw new Error("a message is compressed, although that was not asked for");
        const length = this.#head.readUInt32BE(1);
        if (length > MOST_BYTES) throw new Error(`a message of ${length} bytes was announced`);
        this.#message = Buffer.allocUnsafe(length);
        this.#length = 0;
      }
      const message = this.#message;
      const taken = Math.min(message.length - this.#length, chunk.length - at);
      chunk.copy(message, this.#length, at, at + taken);
      at += taken;
      this.#length += taken;
      if (this.#length < message.length) return;
      this.#message = undefined;
      this.#headLength = 0;
      this.#onMessage(message);
    }
  }
}
