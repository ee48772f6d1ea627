import { Duplex, Readable } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { PollError } from "../poll-error.js";

/** What is asked for. */
export const ACCEPT_ENCODING = "gzip, deflate, br, zstd";

/** Nobody needs more; a long list only makes the receiver work. */
const MOST_CODINGS = 3;
const CHUNK = 64 * 1024;

const decoders: ReadonlyMap<string, () => Duplex> = new Map([
  ["gzip", () => createGunzip({ chunkSize: CHUNK })],
  ["x-gzip", () => createGunzip({ chunkSize: CHUNK })],
  ["deflate", () => Duplex.from(inflate)],
  ["br", () => createBrotliDecompress({ chunkSize: CHUNK })],
  // 8 MB is the largest window for HTTP (RFC 9659); the library's own limit is 128 MB for every answer being read.
  ["zstd", () => createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: 23 } })],
]);

/** Streams that undo a Content-Encoding, in the order in which they are to be applied. Throws PollError. */
export function decodersFor(contentEncoding: string | undefined): Duplex[] {
  const codings = (contentEncoding ?? "")
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > MOST_CODINGS) {
    throw new PollError(`the answer is compressed ${codings.length} times over; allowed is ${MOST_CODINGS}`);
  }
  // Checked before any is made: a decoder holds memory until it is destroyed.
  const makers = codings.map((coding) => {
    const maker = decoders.get(coding);
    if (maker === undefined) {
      throw new PollError(`the answer is compressed as "${coding.slice(0, 40)}"; known are ${ACCEPT_ENCODING}`);
    }
    return maker;
  });
  // Listed in the order in which they were applied (RFC 9110, 8.4).
  return makers.reverse().map((make) => make());
}

/** "deflate" is the zlib format, but many servers send raw deflate data: the first two bytes tell. */
async function* inflate(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const zlibFormat = head.length >= 2 && (head.readUInt8(0) & 15) === 8 && head.readUInt16BE(0) % 31 === 0;
  const options = { chunkSize: CHUNK };
  const decoder = zlibFormat ? createInflate(options) : createInflateRaw(options);
  async function* all(): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  }
  const rest = Readable.from(all(), { objectMode: false });
  rest.on("error", (error) => decoder.destroy(error));
  try {
    yield* rest.pipe(decoder) as AsyncIterable<Buffer>;
  } finally {
    decoder.destroy();
    rest.destroy();
  }
}
