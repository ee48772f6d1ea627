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

/** The message within its envelope. */
export function contentOf(envelope: Buffer): Buffer {
  return envelope.subarray(HEAD_BYTES);
}

/** Whether these bytes are the envelope of a message that says nothing, and is no end of a stream either. */
export function isBlank(envelope: Uint8Array): boolean {
  return envelope.length === HEAD_BYTES && envelope.every((byte) => byte === 0);
}

/**
 * Finds the messages in a stream's bytes, however these are cut. Each is put together in one piece of memory, once, in
 * its envelope, so that it can be sent on without another copy.
 */
export class EnvelopeSplitter {
  readonly #onEnvelope: (envelope: Buffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #length = 0;
  #envelope: Buffer | undefined;

  constructor(onEnvelope: (envelope: Buffer) => void) {
    this.#onEnvelope = onEnvelope;
  }

  /** A message has begun and is not whole yet. */
  get inMessage(): boolean {
    return this.#length > 0;
  }

  /** Throws for what is no uncompressed message. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const target = this.#envelope ?? this.#head;
      const taken = chunk.copy(target, this.#length, at);
      at += taken;
      this.#length += taken;
      if (this.#length < target.length) return;
      if (this.#envelope === undefined) this.#envelope = this.#begin();
      if (this.#length < this.#envelope.length) continue;
      const whole = this.#envelope;
      this.#envelope = undefined;
      this.#length = 0;
      this.#onEnvelope(whole);
    }
  }

  #begin(): Buffer {
    if (this.#head[0] !== 0) throw new Error("a message is compressed, although that was not asked for");
    const length = this.#head.readUInt32BE(1);
    if (length > MOST_BYTES) throw new Error(`a message of ${length} bytes was announced`);
    const envelope = Buffer.allocUnsafe(HEAD_BYTES + length);
    this.#head.copy(envelope);
    return envelope;
  }
}
