// A response's length goes before it (Kafka protocol guide, "Protocol Primitives").
const LENGTH_BYTES = 4;
/** A longer one is none: no buffer is made for what some other server says. It is passed on piece by piece. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Puts the responses of a connection together, each in a buffer of its own. */
export class ResponseAssembler {
  readonly #give: (response: Buffer) => void;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthBytes = 0;
  /** The response that has begun; undefined while its length is not known yet. */
  #response: Buffer | undefined;
  #filled = 0;
  #unknown = false;

  /** `give` gets each response with its length before it. */
  constructor(give: (response: Buffer) => void) {
    this.#give = give;
  }

  /** Takes what was read, whose memory may be used again afterwards. */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#unknown) {
        this.#give(Buffer.from(bytes.subarray(at)));
        return;
      }
      if (this.#response === undefined) at = this.#readLength(bytes, at);
      else at += this.#fill(this.#response, bytes, at);
    }
  }

  #readLength(bytes: Buffer, from: number): number {
    const at = from + bytes.copy(this.#length, this.#lengthBytes, from);
    this.#lengthBytes += at - from;
    if (this.#lengthBytes < LENGTH_BYTES) return at;
    this.#lengthBytes = 0;
    const length = this.#length.readInt32BE(0);
    this.#unknown = length < 0 || length > MOST_BYTES;
    const response = Buffer.allocUnsafe(LENGTH_BYTES + (this.#unknown ? 0 : length));
    this.#length.copy(response);
    this.#filled = LENGTH_BYTES;
    if (response.length === LENGTH_BYTES) this.#give(response);
    else this.#response = response;
    return at;
  }

  #fill(response: Buffer, bytes: Buffer, from: number): number {
    const copied = bytes.copy(response, this.#filled, from);
    this.#filled += copied;
    if (this.#filled === response.length) {
      this.#response = undefined;
      this.#give(response);
    }
    return copied;
  }
}
