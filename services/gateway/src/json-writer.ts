const QUOTE = 0x22;
const ZERO = 0x30;
const COPY_FROM = 64;

/** What JSON wants escaped: `"`, `\` and the control characters. */
const escaped = new Uint8Array(256).map((_, byte) => (byte < 0x20 || byte === QUOTE || byte === 0x5c ? 1 : 0));

/** JSON text as UTF-8, in a buffer that grows. Who writes has to `ensure` the room first, but for `text` and `string`. */
export class JsonWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(size, 64));
  }

  get length(): number {
    return this.#at;
  }

  ensure(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + more));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  byte(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  /** A part of some bytes as it is. */
  span(bytes: Uint8Array, from: number, length: number): void {
    // Of a few bytes a loop is quicker than the call that copies them.
    if (length > COPY_FROM) {
      this.#buffer.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, length), this.#at);
    } else for (let i = 0; i < length; i += 1) this.#buffer[this.#at + i] = bytes[from + i] as number;
    this.#at += length;
  }

  all(bytes: Uint8Array): void {
    this.span(bytes, 0, bytes.length);
  }

  text(text: string): void {
    const most = text.length * 3;
    this.ensure(most);
    this.#at += this.#buffer.write(text, this.#at);
  }

  /**
   * Text, given as UTF-8, as a JSON string. `reserve`: what has to be kept free behind it, should it become longer than
   * there was room for.
   */
  string(bytes: Buffer, from: number, length: number, reserve: number): void {
    const start = this.#at;
    this.byte(QUOTE);
    for (let i = from; i < from + length; i += 1) {
      const byte = bytes[i] as number;
      if (escaped[byte] === 1) {
        this.#at = start;
        this.text(JSON.stringify(bytes.toString("utf8", from, from + length)));
        this.ensure(reserve);
        return;
      }
      this.#buffer[this.#at++] = byte;
    }
    this.byte(QUOTE);
  }

  /** A whole number from 0 to 2^53. */
  number(value: number): void {
    if (value > 0x7fffffff) {
      const low = value % 1e9;
      this.number((value - low) / 1e9);
      this.digits(low, 9);
      return;
    }
    let count = 1;
    for (let rest = value; rest > 9; rest = (rest / 10) | 0) count += 1;
    this.digits(value, count);
  }

  /** So many digits, with zeroes before. */
  digits(value: number, count: number): void {
    let rest = value | 0;
    for (let at = this.#at + count - 1; at >= this.#at; at -= 1) {
      const left = (rest / 10) | 0;
      this.#buffer[at] = ZERO + rest - left * 10;
      rest = left;
    }
    this.#at += count;
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}
