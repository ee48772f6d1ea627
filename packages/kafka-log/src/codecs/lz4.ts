import { copyBack } from "./snappy.js";

const FRAME = 0x184d2204;
/** Sixteen of them, for what is not to be read. */
const SKIPPABLE = 0x184d2a50;
// Flags of a frame.
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
/** The highest bit of a block's length. */
const STORED = 0x80000000;

/**
 * Decompresses LZ4 frames (lz4_Frame_format.md, version 1.6). Their own checksums are not looked at: whoever calls has
 * checked the record batch's, which covers all of it. Throws a RangeError for what is damaged or becomes larger than
 * `mostBytes`.
 */
export function decompressLz4(bytes: Uint8Array, mostBytes: number): Buffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Output(mostBytes);
  let at = 0;
  const take = (length: number, what: string): number => {
    if (length > bytes.length - at) throw damaged(`${what} is cut off`);
    at += length;
    return at - length;
  };
  do {
    const magic = view.getUint32(take(4, "its beginning"), true);
    if ((magic & 0xfffffff0) === SKIPPABLE) {
      take(view.getUint32(take(4, "a length"), true), "what is to be skipped");
      continue;
    }
    if (magic !== FRAME) throw damaged("it does not begin as a frame does");
    const flags = view.getUint8(take(1, "the frame's header"));
    const mostBlock = blockBytes(view.getUint8(take(1, "the frame's header")));
    if (flags >>> 6 !== 1) throw damaged(`its frame is of version ${flags >>> 6}`);
    if ((flags & DICTIONARY) !== 0) throw new RangeError("its LZ4 data needs a dictionary");
    take(((flags & CONTENT_SIZE) === 0 ? 0 : 8) + 1, "the frame's header");
    const frameFrom = out.length;
    for (;;) {
      const word = view.getUint32(take(4, "a block's length"), true);
      if (word === 0) break;
      const length = word & ~STORED;
      const from = take(length, "a block");
      if (length > mostBlock) throw damaged("a block is larger than its frame allows");
      if (word >= STORED) out.add(bytes.subarray(from, from + length));
      else out.block(bytes, from, from + length, mostBlock, frameFrom);
      if ((flags & BLOCK_CHECKSUM) !== 0) take(4, "a block's checksum");
    }
    if ((flags & CONTENT_CHECKSUM) !== 0) take(4, "the checksum");
  } while (at < bytes.length);
  return out.done();
}

function blockBytes(descriptor: number): number {
  const code = (descriptor >>> 4) & 7;
  if (code < 4) throw damaged("its blocks are of an unknown size");
  return 1 << (8 + 2 * code);
}

/** What has been decompressed so far; it grows, because a frame need not say how long it becomes. */
class Output {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  readonly #mostBytes: number;
  length = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(bytes: Uint8Array): void {
    this.#ensure(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A compressed block of at most `mostBlock` bytes; what it repeats may lie in an earlier block of its frame. */
  block(bytes: Uint8Array, from: number, end: number, mostBlock: number, frameFrom: number): void {
    // A byte makes 255 at most, so a small block needs no room for a large one.
    this.#ensure(Math.min(mostBlock, (end - from) * 255, this.#mostBytes - this.length));
    const out = this.#bytes;
    const limit = Math.min(out.length, this.length + mostBlock, this.#mostBytes);
    let at = from;
    let to = this.length;
    for (;;) {
      if (at >= end) throw damaged("a block ends too early");
      const token = bytes[at++] as number;
      let literals = token >>> 4;
      if (literals === 15) {
        for (let more = 255; more === 255; literals += more) {
          if (at >= end) throw damaged("a length is cut off");
          more = bytes[at++] as number;
        }
      }
      if (literals > end - at) throw damaged("a literal reaches beyond its block");
      if (literals > limit - to) throw this.#tooLarge(to + literals);
      if (literals > 16) out.set(bytes.subarray(at, at + literals), to);
      else for (let i = 0; i < literals; i += 1) out[to + i] = bytes[at + i] as number;
      at += literals;
      to += literals;
      // A block's last sequence is one of literals only.
      if (at === end) break;
      if (end - at < 2) throw damaged("a distance is cut off");
      const back = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
      at += 2;
      let length = (token & 15) + 4;
      if (length === 19) {
        for (let more = 255; more === 255; length += more) {
          if (at >= end) throw damaged("a length is cut off");
          more = bytes[at++] as number;
        }
      }
      if (back === 0 || back > to - frameFrom) throw damaged("a copy reaches before the beginning");
      if (length > limit - to) throw this.#tooLarge(to + length);
      copyBack(out, to, back, length);
      to += length;
    }
    this.length = to;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  #ensure(more: number): void {
    const needed = this.length + more;
    if (needed > this.#mostBytes) throw this.#tooLarge(needed);
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.min(this.#mostBytes, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }

  #tooLarge(size: number): RangeError {
    return size > this.#mostBytes
      ? new RangeError(`it would be larger than ${this.#mostBytes} bytes`)
      : damaged("a block is larger than its frame allows");
  }
}

function damaged(what: string): RangeError {
  return new RangeError(`its LZ4 data is damaged: ${what}`);
}
