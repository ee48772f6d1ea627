import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { crc32c } from "./crc32c.js";

/** Bit by bit, as RFC 3720 has it. */
function plainly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("CRC-32C", () => {
  it.each([
    ["32 bytes of zeroes", Buffer.alloc(32), 0x8a9136aa],
    ["32 bytes of ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["32 ascending bytes", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ])("is what RFC 3720, B.4 says for %s", (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it("is the same whatever the bytes' place in memory, and for any part of them", () => {
    const part = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.nat(7), fc.nat(40), fc.nat(40));
    fc.assert(
      fc.property(part, ([content, shift, before, after]) => {
        const memory = new Uint8Array(shift + content.length);
        memory.set(content, shift);
        const bytes = memory.subarray(shift);
        const to = Math.max(0, bytes.length - after);
        const from = Math.min(before, to);
        expect(crc32c(bytes, from, to)).toBe(plainly(bytes.slice(from, to)));
      }),
    );
  });
});
