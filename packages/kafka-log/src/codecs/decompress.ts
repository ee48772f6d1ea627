import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decompressLz4 } from "./lz4.js";
import { decompressSnappy } from "./snappy.js";

/** The names of the codecs by their number in a batch's attributes. */
const names = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/**
 * The records of a batch as they were before one of Kafka's codecs. Throws an Error that says what is wrong with data that
 * is damaged, of an unknown codec, or larger than `mostBytes` when decompressed: a few kilobytes can become gigabytes.
 */
export function decompress(codec: number, bytes: Buffer, mostBytes: number): Buffer {
  switch (names[codec]) {
    case "none":
      return bytes;
    case "gzip":
      return withZlib("gzip", mostBytes, () => gunzipSync(bytes, { maxOutputLength: mostBytes }));
    case "zstd":
      return withZlib("zstd", mostBytes, () => zstdDecompressSync(bytes, { maxOutputLength: mostBytes }));
    case "snappy":
      return decompressSnappy(bytes, mostBytes);
    case "lz4":
      return decompressLz4(bytes, mostBytes);
    default:
      throw new Error(`it is compressed with codec ${codec}, which is not known`);
  }
}

function withZlib(name: string, mostBytes: number, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw new RangeError(`it would be larger than ${mostBytes} bytes`, { cause: error });
    throw new RangeError(`its ${name} data is damaged: ${message}`, { cause: error });
  }
}
