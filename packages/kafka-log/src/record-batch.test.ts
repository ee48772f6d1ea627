import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils";
import { decodeRecordBatches } from "./record-batch.js";
import { encodeRecordBatch } from "./record-batch-writer.js";
import { placed, recompressed, sealed, xerial } from "./testing/recompress.js";

const settings = {
  transactional: false,
  producerId: -1n,
  producerEpoch: -1,
  firstSequence: -1,
  now: 1_700_000_000_000,
};
const LAST_OFFSET_DELTA = 23;

/** A batch of three records, `a`, `b` and `c` behind a name, at an offset. */
function batchOf(name: string, baseOffset: number): Buffer {
  const messages = ["a", "b", "c"].map((value) => ({ key: null, value: name + value, headers: { h: "x".repeat(50) } }));
  return placed(encodeRecordBatch(messages, settings), baseOffset);
}

const values = ({ records }: ReturnType<typeof decodeRecordBatches>): unknown[] =>
  records.map(({ offset, value }) => `${offset}:${value?.toString()}`);

const codecs: readonly (readonly [name: string, codec: number, compress: (bytes: Buffer) => Buffer])[] = [
  ["gzip", 1, (bytes) => gzipSync(bytes)],
  ["snappy", 2, (bytes) => snappyCompress(bytes)],
  ["snappy in Java's framing", 2, (bytes) => xerial(bytes, 100, snappyCompress)],
  ["lz4", 3, (bytes) => lz4Compress(bytes)],
  ["zstd", 4, (bytes) => zstdCompressSync(bytes)],
];

describe.each(codecs)("a batch compressed with %s", (_name, codec, compress) => {
  it("is read like one that is not, from the middle too", () => {
    const batch = recompressed(batchOf("x", 5), codec, compress);
    expect(decodeRecordBatches(batch, 5)).toEqual({
      records: expect.anything(),
      nextOffset: 8,
      unreadable: [],
    });
    expect(values(decodeRecordBatches(batch, 5))).toEqual(["5:xa", "6:xb", "7:xc"]);
    expect(values(decodeRecordBatches(batch, 7))).toEqual(["7:xc"]);
  });

  it("that is damaged, its checksum right, is told of and passed over", () => {
    const batch = recompressed(batchOf("x", 5), codec, (bytes) => {
      const compressed = compress(bytes);
      return compressed.subarray(0, compressed.length - 9);
    });
    const decoded = decodeRecordBatches(Buffer.concat([batch, batchOf("y", 8)]), 6);
    expect(values(decoded)).toEqual(["8:ya", "9:yb", "10:yc"]);
    expect(decoded).toMatchObject({
      nextOffset: 11,
      unreadable: [
        { fromOffset: 6, toOffset: 8, detail: expect.stringMatching(/^the batch at offset 5 cannot be read: it/) },
      ],
    });
  });

  it("is told of when it would become too large", () => {
    const decoded = decodeRecordBatches(recompressed(batchOf("x", 0), codec, compress), 0, { mostBatchBytes: 100 });
    expect(decoded).toMatchObject({
      records: [],
      nextOffset: 3,
      unreadable: [{ fromOffset: 0, toOffset: 3, detail: expect.stringMatching(/it would be larger than 100 bytes/) }],
    });
  });

  it("ends a fetch that has become large; the next one goes on there", () => {
    const fetched = Buffer.concat([0, 3, 6].map((at) => recompressed(batchOf("x", at), codec, compress)));
    const first = decodeRecordBatches(fetched, 0, { enoughBytes: 1 });
    expect([values(first).length, first.nextOffset]).toEqual([3, 3]);
    expect(values(decodeRecordBatches(fetched, first.nextOffset))).toHaveLength(6);
  });
});

describe("what cannot be read", () => {
  /** A message of version 0 or 1, as Kafka wrote them before 0.11. */
  function oldMessage(version: number, offset: number): Buffer {
    const body = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from([version, 0]),
      Buffer.alloc(version === 0 ? 0 : 8),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x61]),
    ]);
    const head = Buffer.alloc(12);
    head.writeBigInt64BE(BigInt(offset));
    head.writeInt32BE(body.length, 8);
    return Buffer.concat([head, body]);
  }

  it.each([0, 1])(
    "messages of version %i are one range, however many they are, and what comes after is read",
    (version) => {
      const old = Array.from({ length: 1000 }, (_, i) => oldMessage(version, 10 + i));
      const decoded = decodeRecordBatches(Buffer.concat([...old, batchOf("y", 1010)]), 10);
      expect(values(decoded)).toEqual(["1010:ya", "1011:yb", "1012:yc"]);
      expect(decoded.unreadable).toEqual([
        {
          fromOffset: 10,
          toOffset: 1010,
          detail: expect.stringMatching(new RegExp(`version ${version}, from before Kafka 0.11`)),
        },
      ]);
      // The last one of a fetch, alone and shorter than a batch's header, does not stop it either.
      expect(decodeRecordBatches(oldMessage(version, 10), 10).nextOffset).toBe(11);
    },
  );

  it.each([
    ["changed", (batch: Buffer) => (batch[80] = (batch[80] as number) ^ 1)],
    ["with a last offset far away", (batch: Buffer) => batch.writeInt32BE(1_000_000_000, LAST_OFFSET_DELTA)],
    ["with a last offset before the first", (batch: Buffer) => batch.writeInt32BE(-5, LAST_OFFSET_DELTA)],
  ])("a batch %s costs no other, and reading goes on", (_how, damage) => {
    const batch = batchOf("x", 20);
    damage(batch);
    const between = decodeRecordBatches(Buffer.concat([batchOf("w", 17), batch, batchOf("y", 23)]), 17);
    expect(values(between)).toEqual(["17:wa", "18:wb", "19:wc", "23:ya", "24:yb", "25:yc"]);
    expect(between.unreadable).toEqual([
      { fromOffset: 20, toOffset: 23, detail: expect.stringMatching(/checksum of the batch at offset 20/) },
    ]);
    const alone = decodeRecordBatches(batch, 21);
    expect(alone.nextOffset).toBeGreaterThan(21);
    expect(alone.nextOffset).toBeLessThanOrEqual(23);
    expect(alone.unreadable).toMatchObject([{ fromOffset: 21, toOffset: alone.nextOffset }]);
  });

  it("a batch with fewer records than it says, its checksum right, is one of them", () => {
    const batch = batchOf("x", 0);
    batch.writeInt32BE(9, 57);
    expect(decodeRecordBatches(sealed(batch), 0)).toMatchObject({
      records: [],
      nextOffset: 3,
      unreadable: [{ toOffset: 3 }],
    });
  });
});
