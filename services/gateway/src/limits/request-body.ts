import { promisify } from "node:util";
import zlib from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { enveloped } from "../envelope.js";
import { ByteCollector } from "./byte-collector.js";
import { bodyTooLarge, limitError } from "./exceeded.js";
import { isDeeperThan } from "./json-depth.js";

const gunzip = promisify(zlib.gunzip);

export interface BodyLimits {
  readonly maxBytes: number;
  readonly jsonDepth: number;
}

/** What the body of a call is: one message, or several in envelopes; JSON or not. */
export interface BodyForm {
  readonly enveloped: boolean;
  readonly json: boolean;
  /** The coding that the client named. Another than gzip is left for Connect to refuse. */
  readonly coding: string | null;
}

const compressedFlag = 1;

/**
 * The body of a call with its limits kept, message by message, and its messages decompressed: what a message becomes, and
 * how deep its JSON goes, shows only then, and Connect's own error names no setting of ours. Throws a ConnectError.
 */
export async function* limitedBody(
  body: AsyncIterable<Uint8Array>,
  form: BodyForm,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { maxBytes } = limits;
  if (!form.enveloped) {
    const whole = await readAll(body, maxBytes);
    yield await checked(whole, form.coding === "gzip", form.json, limits);
    return;
  }
  const held = new ByteCollector();
  for await (const chunk of body) {
    let at = 0;
    while (at < chunk.length) {
      const needed = held.length < 5 ? 5 : 5 + lengthIn(held, maxBytes);
      const piece = chunk.subarray(at, at + needed - held.length);
      held.push(piece);
      at += piece.length;
      if (held.length < 5 || held.length < 5 + lengthIn(held, maxBytes)) continue;
      yield await checkedEnvelope(held.take(held.length), form, limits);
    }
  }
  // What is left is no message; Connect says so.
  if (held.length > 0) yield held.bytes;
}

function lengthIn({ bytes }: ByteCollector, maxBytes: number): number {
  const length = bytes.readUInt32BE(1);
  if (length > maxBytes) throw limitError(bodyTooLarge(maxBytes, "message"));
  return length;
}

async function checkedEnvelope(envelope: Buffer, form: BodyForm, limits: BodyLimits): Promise<Uint8Array> {
  const flags = envelope[0] ?? 0;
  const compressed = (flags & compressedFlag) !== 0 && form.coding === "gzip";
  const plain = await checked(envelope.subarray(5), compressed, form.json, limits);
  if (!compressed) return envelope;
  const uncompressed = enveloped(plain);
  uncompressed[0] = flags & ~compressedFlag;
  return uncompressed;
}

async function checked(
  message: Uint8Array,
  compressed: boolean,
  json: boolean,
  { maxBytes, jsonDepth }: BodyLimits,
): Promise<Uint8Array> {
  const plain = compressed && message.length > 0 ? await decompress(message, maxBytes) : message;
  if (json && isDeeperThan(plain, jsonDepth)) {
    const problem = `lists and objects stand more than ${jsonDepth} deep in each other`;
    throw limitError({ field: "body", problem, setting: "MAX_JSON_DEPTH", status: 400 });
  }
  return plain;
}

async function decompress(message: Uint8Array, maxBytes: number): Promise<Buffer> {
  try {
    return await gunzip(message, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw limitError(bodyTooLarge(maxBytes, "message"));
    }
    throw new ConnectError("the message is no gzip", Code.InvalidArgument, undefined, undefined, error);
  }
}

async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const collected = new ByteCollector();
  for await (const chunk of body) {
    if (collected.length + chunk.length > maxBytes) throw limitError(bodyTooLarge(maxBytes));
    collected.push(chunk);
  }
  return collected.bytes;
}
