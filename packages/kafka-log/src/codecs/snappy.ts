/** What Kafka's Java clients put before snappy data: the stream format of xerial's snappy-java. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Its magic, version and oldest version that can read it. */
const XERIAL_BYTES = 16;

/**
 * Decompresses snappy, raw (librdkafka, Go) or in xerial's framing (Java): google/snappy's format_description.txt.
 * Throws a RangeError for what is damaged or becomes larger than `mostBytes`.
 */
export function decompressSnappy(bytes: Uint8Array, mostBytes: number): Buffer {
  if (!isXerial(bytes, 0)) return block(bytes, 0, bytes.length, 0, mostBytes);
  const blocks: Buffer[] = [];
  let size = 0;
  for (let at = XERIAL_BYTES; at < bytes.length;) {
    if (at + 4 > bytes.length) throw damaged("a block's length is cut off");
    // Streams may follow each other, each with its header.
    if (isXerial(bytes, at)) {
      at += XERIAL_BYTES;
      continue;
    }
    const length = uint32(bytes, at, true);
    at += 4;
    if (length > bytes.length - at) throw damaged("a block reaches beyond the end");
    const one = block(bytes, at, at + length, size, mostBytes);
    blocks.push(one);
    size += one.length;
    at += length;
  }
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks, size);
}

function isXerial(bytes: Uint8Array, at: number): boolean {
  return at + XERIAL_BYTES <= bytes.length && XERIAL.every((byte, i) => bytes[at + i] === byte);
}

/** One raw block: the length that it has when decompressed, then literals and copies. `before`: what earlier blocks gave. */
function block(bytes: Uint8Array, from: number, end: number, before: number, mostBytes: number): Buffer {
  let at = from;
  let size = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= end || scale > 2 ** 28) throw damaged("its length is no number");
    const byte = bytes[at++] as number;
    size += (byte & 127) * scale;
    if (byte < 128) break;
  }
  if (before + size > mostBytes) throw new RangeError(`it would be larger than ${mostBytes} bytes`);
  // Three bytes make 64 at most, so a length that the input cannot fill takes no memory.
  if (size > (end - at) * 32) throw damaged("it is too short for the length that it claims");
  const out = Buffer.allocUnsafe(size);
  let to = 0;
  while (at < end) {
    const tag = bytes[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const more = length - 60;
        if (more > end - at) throw damaged("a literal's length is cut off");
        length = 1;
        for (let i = 0, scale = 1; i < more; i += 1, scale *= 256) length += (bytes[at + i] as number) * scale;
        at += more;
      }
      if (length > end - at || length > size - to) throw damaged("a literal reaches beyond the end");
      if (length > 16) out.set(bytes.subarray(at, at + length), to);
      else for (let i = 0; i < length; i += 1) out[to + i] = bytes[at + i] as number;
      at += length;
      to += length;
      continue;
    }
    const behind = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    if (behind > end - at) throw damaged("a copy is cut off");
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const back =
      kind === 1
        ? ((tag >>> 5) << 8) | (bytes[at] as number)
        : kind === 2
          ? (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
          : uint32(bytes, at, false);
    at += behind;
    if (back === 0 || back > to || length > size - to) throw damaged("a copy reaches beyond what there is");
    copyBack(out, to, back, length);
    to += length;
  }
  if (to !== size) throw damaged("it is shorter than it claims");
  return out;
}

/** Repeats what lies `back` bytes before; the two may overlap, and then what was just written is repeated. */
export function copyBack(out: Uint8Array, to: number, back: number, length: number): void {
  if (back >= length && length > 32) out.copyWithin(to, to - back, to - back + length);
  else for (let i = to; i < to + length; i += 1) out[i] = out[i - back] as number;
}

function uint32(bytes: Uint8Array, at: number, bigEndian: boolean): number {
  const b = (i: number): number => bytes[at + i] as number;
  const value = bigEndian
    ? (b(0) << 24) | (b(1) << 16) | (b(2) << 8) | b(3)
    : b(0) | (b(1) << 8) | (b(2) << 16) | (b(3) << 24);
  return value >>> 0;
}

function damaged(what: string): RangeError {
  return new RangeError(`its snappy data is damaged: ${what}`);
}
