/** Bytes in protobuf's wire format, in a buffer that grows. Who writes has to `ensure` the room first. */
export class WireWriter {
  #buffer: Buffer;
  #at = 0;

  /** Of about so many bytes, behind `before` others that are left free. */
  constructor(size: number, before = 0) {
    this.#buffer = Buffer.allocUnsafe(before + Math.max(size, 64));
    this.#at = before;
  }

  /** Makes room for so many bytes. */
  ensure(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + more));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  byte(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  varint(value: number): void {
    let large = value;
    for (; large > 0x7fffffff; large = Math.floor(large / 128)) this.#buffer[this.#at++] = (large % 128) | 128;
    let rest = large | 0;
    for (; rest > 127; rest >>>= 7) this.#buffer[this.#at++] = (rest & 127) | 128;
    this.#buffer[this.#at++] = rest;
  }

  number(tag: number, value: number): void {
    this.byte(tag);
    this.varint(value);
  }

  /** A length-delimited field with a part of some bytes for its content. */
  span(tag: number, bytes: Uint8Array, from: number, length: number): void {
    this.byte(tag);
    this.varint(length);
    // Of a few bytes a loop is quicker than the call that copies them.
    if (length > COPY_FROM) this.#buffer.set(part(bytes, from, length), this.#at);
    else for (let i = 0; i < length; i += 1) this.#buffer[this.#at + i] = bytes[from + i] as number;
    this.#at += length;
  }

  /** The same for bytes that are mostly ASCII; tells whether they were. */
  asciiSpan(tag: number, bytes: Uint8Array, from: number, length: number): boolean {
    this.byte(tag);
    this.varint(length);
    const buffer = this.#buffer;
    const at = this.#at;
    let all = 0;
    for (let i = 0; i < length; i += 1) {
      const byte = bytes[from + i] as number;
      all |= byte;
      buffer[at + i] = byte;
    }
    this.#at = at + length;
    return all < 128;
  }

  /** The place of the next byte, for `back`. */
  get at(): number {
    return this.#at;
  }

  /** Takes back what was written since. */
  back(at: number): void {
    this.#at = at;
  }

  /** A length-delimited field. */
  field(tag: number, bytes: Uint8Array): void {
    this.span(tag, bytes, 0, bytes.length);
  }

  /** Begins a message within the message, whose length is not known yet; gives what `end` wants to be told. */
  begin(tag: number): number {
    this.byte(tag);
    this.#at += RESERVED;
    return this.#at;
  }

  /** Writes the length before what has been written since `begin`; mostly there is room for exactly that. */
  end(from: number): void {
    const length = this.#at - from;
    const shift = varintSize(length) - RESERVED;
    if (shift !== 0) {
      this.ensure(shift);
      this.#buffer.copyWithin(from + shift, from, this.#at);
    }
    this.#at = from - RESERVED;
    this.varint(length);
    this.#at += length;
  }

  /** A google.protobuf.Timestamp; nanoseconds count forward, before 1970 too. */
  timestamp(tag: number, ms: number): void {
    const seconds = Math.floor(ms / 1000);
    const nanos = (ms - seconds * 1000) * 1_000_000;
    this.byte(tag);
    this.byte(
      (seconds === 0 ? 0 : seconds < 0 ? 11 : 1 + varintSize(seconds)) + (nanos === 0 ? 0 : 1 + varintSize(nanos)),
    );
    if (seconds > 0) this.number(SECONDS, seconds);
    else if (seconds < 0) {
      this.byte(SECONDS);
      this.#negative(seconds);
    }
    if (nanos !== 0) this.number(NANOS, nanos);
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** All bytes, those that were left free among them. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** A negative number takes ten bytes: two's complement in 64 bits. */
  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }
}

/** Bytes that are kept for a length: enough for 16 KB. */
const RESERVED = 2;
const COPY_FROM = 64;
// Fields of google.protobuf.Timestamp.
const SECONDS = 0x08;
const NANOS = 0x10;

/** A view of some bytes; cheaper than what Buffer.subarray makes. */
export function part(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, length);
}

/** How many bytes a varint takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size += 1;
  return size;
}
