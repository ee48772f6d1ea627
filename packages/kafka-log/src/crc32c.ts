import { endianness } from "node:os";

/** Bytes that are taken at a time ("slicing by 16"). */
const SLICES = 16;

/** Tables for the Castagnoli polynomial, one behind the other: the n-th is for a byte with n bytes behind it. */
const table: Int32Array = (() => {
  const all = new Int32Array(SLICES * 256);
  for (let n = 0; n < 256; n += 1) {
    let value = n;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    all[n] = value;
  }
  for (let i = 256; i < all.length; i += 1) {
    const before = all[i - 256] as number;
    all[i] = (before >>> 8) ^ (all[before & 255] as number);
  }
  return all;
})();

/** The steps below take four bytes for a number as the machine does, which has to be with the lowest first. */
const inWords = endianness() === "LE";

/** CRC-32C (RFC 3720, B.4), the checksum of Kafka's record batches. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = -1;
  let at = from;
  if (inWords) {
    for (; at < to && ((bytes.byteOffset + at) & 3) !== 0; at += 1) crc = step(crc, bytes[at] as number);
    const rounds = (to - at) >> 4;
    if (rounds > 0) crc = steps(crc, new Int32Array(bytes.buffer, bytes.byteOffset + at, rounds * 4));
    at += rounds * SLICES;
  }
  for (; at < to; at += 1) crc = step(crc, bytes[at] as number);
  return ~crc >>> 0;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (table[(crc ^ byte) & 255] as number);
}

function steps(start: number, words: Int32Array): number {
  let crc = start;
  for (let i = 0; i < words.length; i += 4) {
    const a = crc ^ (words[i] as number);
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    crc =
      (table[0xf00 + (a & 255)] as number) ^
      (table[0xe00 + ((a >>> 8) & 255)] as number) ^
      (table[0xd00 + ((a >>> 16) & 255)] as number) ^
      (table[0xc00 + (a >>> 24)] as number) ^
      (table[0xb00 + (b & 255)] as number) ^
      (table[0xa00 + ((b >>> 8) & 255)] as number) ^
      (table[0x900 + ((b >>> 16) & 255)] as number) ^
      (table[0x800 + (b >>> 24)] as number) ^
      (table[0x700 + (c & 255)] as number) ^
      (table[0x600 + ((c >>> 8) & 255)] as number) ^
      (table[0x500 + ((c >>> 16) & 255)] as number) ^
      (table[0x400 + (c >>> 24)] as number) ^
      (table[0x300 + (d & 255)] as number) ^
      (table[0x200 + ((d >>> 8) & 255)] as number) ^
      (table[0x100 + ((d >>> 16) & 255)] as number) ^
      (table[d >>> 24] as number);
  }
  return crc;
}
