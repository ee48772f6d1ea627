import { crc32c } from "../crc32c.js";

const HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;

/** An uncompressed record batch with its records as a codec has made them, its length and checksum set right. */
export function recompressed(batch: Buffer, codec: number, compress: (records: Buffer) => Uint8Array): Buffer {
  const out = Buffer.concat([batch.subarray(0, HEADER_BYTES), compress(batch.subarray(HEADER_BYTES))]);
  out.writeInt16BE(out.readInt16BE(ATTRIBUTES_AT) | codec, ATTRIBUTES_AT);
  return sealed(out);
}

/** Sets a batch's length and checksum to what they have to be after its bytes were changed. */
export function sealed(batch: Buffer): Buffer {
  batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT);
  return batch;
}

/** A batch with another offset of its first record. */
export function placed(batch: Buffer, baseOffset: number): Buffer {
  const out = Buffer.from(batch);
  out.writeBigInt64BE(BigInt(baseOffset), 0);
  return out;
}

/** Snappy data in the framing of Kafka's Java clients, from what makes a raw block. */
export function xerial(records: Buffer, blockBytes: number, compress: (block: Buffer) => Uint8Array): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < records.length; at += blockBytes) {
    const block = compress(records.subarray(at, at + blockBytes));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}
