/** Reads protobuf's wire format within a part of some bytes. */
export class WireReader {
  readonly bytes: Uint8Array;
  /** The place of the next byte. */
  at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, from: number, end: number) {
    this.bytes = bytes;
    this.at = from;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.at >= this.#end;
  }

  /** A number from 0 on; beyond 2^53 it is no longer exact, and a negative one is read as a very large one. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] as number;
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let scale = 128; scale <= 2 ** 63; scale *= 128) {
      byte = bytes[this.at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("a number is not a varint");
  }

  skip(length: number): void {
    this.at += length;
    if (this.at > this.#end) throw new RangeError("a length reaches beyond the message");
  }
}
