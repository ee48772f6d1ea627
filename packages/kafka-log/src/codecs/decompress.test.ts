import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils";
import fc from "fast-check";
import { xerial } from "../testing/recompress.js";
import { decompress } from "./decompress.js";

const MOST = 8 * 1024 * 1024;

/** Every codec, with a compressor that is not ours. */
const codecs: readonly (readonly [name: string, codec: number, compress: (bytes: Buffer) => Buffer])[] = [
  ["gzip", 1, (bytes) => gzipSync(bytes)],
  ["snappy, raw", 2, (bytes) => snappyCompress(bytes)],
  ["snappy as Java writes it", 2, (bytes) => xerial(bytes, 32 * 1024, snappyCompress)],
  ["lz4", 3, (bytes) => lz4Compress(bytes)],
  ["zstd", 4, (bytes) => zstdCompressSync(bytes)],
];

/** Bytes with repetitions near and far, long and short, or with none. */
const bytes: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((part) => ({ part, times: 1 })),
      fc.record({ part: fc.uint8Array({ minLength: 1, maxLength: 70 }), times: fc.integer({ min: 1, max: 3000 }) }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts.flatMap(({ part, times }) => Array.from({ length: times }, () => part))));

describe.each(codecs)("decompressing %s", (_name, codec, compress) => {
  it("gives what was compressed", () => {
    fc.assert(
      fc.property(bytes, (before) => {
        const after = decompress(codec, compress(before), MOST);
        expect(Buffer.compare(after, before)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("refuses what is damaged or cut off, or gives something within the limit; nothing worse", () => {
    let refused = 0;
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (before, place, change, cut) => {
        const compressed = Buffer.from(compress(before));
        const at = place % compressed.length;
        compressed[at] = (compressed[at] as number) ^ change;
        try {
          expect(decompress(codec, cut ? compressed.subarray(0, at) : compressed, MOST).length).toBeLessThanOrEqual(
            MOST,
          );
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect((error as Error).message).toMatch(/^it(s| would)/);
          refused += 1;
        }
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(30);
  });

  it("takes a little that would become much for what it is", () => {
    const bomb = compress(Buffer.alloc(40 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(4 * 1024 * 1024);
    expect(() => decompress(codec, bomb, MOST)).toThrow(/^it would be larger than 8388608 bytes$/);
  });
});

describe("decompressing LZ4", () => {
  const u32 = (value: number): Buffer => {
    const out = Buffer.alloc(4);
    out.writeUInt32LE(value);
    return out;
  };
  /** A frame with 64 KB blocks; the checksum of its header is not looked at. */
  const frame = (flags: number, extra: Buffer, ...blocks: Buffer[]): Buffer =>
    Buffer.concat([u32(0x184d2204), Buffer.from([0x40 | flags, 0x40]), extra, Buffer.from([0]), ...blocks, u32(0)]);
  const stored = (text: string): Buffer => Buffer.concat([u32(0x80000000 + text.length), Buffer.from(text)]);
  const packed = (...raw: number[]): Buffer => Buffer.concat([u32(raw.length), Buffer.from(raw)]);
  const text = (data: Buffer): string => decompress(3, data, MOST).toString();

  it("reads blocks that repeat what is in earlier ones, blocks that are stored, sizes and checksums", () => {
    // No literal, then nine bytes from six before, then the literal "!".
    const linked = frame(0, Buffer.alloc(0), stored("abcdef"), packed(0x05, 6, 0, 0x10, 0x21));
    expect(text(linked)).toBe("abcdefabcdefabc!");
    const checked = frame(0x1c, Buffer.alloc(8), Buffer.concat([stored("x"), Buffer.alloc(4)]));
    expect(text(Buffer.concat([checked, Buffer.alloc(4)]))).toBe("x");
  });

  it("reads frames that follow each other, and passes over what is to be skipped", () => {
    const one = frame(0x20, Buffer.alloc(0), stored("one,"));
    const two = frame(0x20, Buffer.alloc(0), stored("two"));
    expect(text(Buffer.concat([one, u32(0x184d2a55), u32(3), Buffer.from("..."), two]))).toBe("one,two");
  });

  it.each([
    [
      "a copy from before the beginning",
      frame(0, Buffer.alloc(0), packed(0x10, 0x61, 2, 0, 0x00)),
      /before the beginning/,
    ],
    [
      "a copy from another frame",
      Buffer.concat([frame(0, Buffer.alloc(0), stored("abc")), frame(0, Buffer.alloc(0), packed(0x00, 1, 0, 0x00))]),
      /before the beginning/,
    ],
    ["a dictionary", frame(0x01, Buffer.alloc(4), stored("a")), /needs a dictionary/],
    ["another version", Buffer.concat([u32(0x184d2204), Buffer.from([0x80, 0x40, 0])]), /version 2/],
    ["something else", Buffer.from("not a frame"), /does not begin as a frame/],
  ])("refuses %s", (_what, data, why) => {
    expect(() => decompress(3, data, MOST)).toThrow(why);
  });
});

describe("decompressing snappy", () => {
  it("reads Java's streams that follow each other", () => {
    const [one, two] = ["one,", "two"].map((part) => xerial(Buffer.from(part), 100, snappyCompress));
    expect(decompress(2, Buffer.concat([one as Buffer, two as Buffer]), MOST).toString()).toBe("one,two");
  });

  it("takes no memory for a length that is only claimed", () => {
    expect(() => decompress(2, Buffer.from([0xff, 0xff, 0xff, 3, 0, 0x61]), MOST)).toThrow(/too short for the length/);
  });
});

it("says which codec it does not know", () => {
  expect(() => decompress(6, Buffer.alloc(1), MOST)).toThrow("codec 6, which is not known");
});
