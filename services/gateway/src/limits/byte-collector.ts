/**
 * Bytes put together from pieces by copying them. Kept as they come, pieces of one byte would each take a hundred, and hold
 * the whole buffer that they were read into.
 */
export class ByteCollector {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    const wanted = this.#length + piece.length;
    if (wanted > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2, 256));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = wanted;
  }

  /** All of them; to be copied by whoever keeps them beyond the next push. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes the first of them out; they are the caller's. */
  take(length: number): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, length));
    this.#bytes.copyWithin(0, length, this.#length);
    this.#length -= length;
    return taken;
  }
}
