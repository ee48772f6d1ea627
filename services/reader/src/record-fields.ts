import { isUtf8 } from "node:buffer";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";

/** What a record is to a reader; the texts as their bytes, so that none is decoded on its way. */
export interface RecordFields {
  readonly id: Uint8Array;
  /** Milliseconds since the Unix epoch; undefined where the source tells none. */
  readonly eventTimeMs: number | undefined;
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[];
  readonly payload: { readonly kind: "json" | "binary"; readonly bytes: Uint8Array } | undefined;
}

const NONE = new Uint8Array(0);
const JSON_TYPE = Buffer.from("application/json");
/** Apispool's own bookkeeping, of no use to readers. */
const OWN_PREFIX = "apispool-";

/** Takes a record of the log apart. */
export function fieldsOf({ key, value, headers }: LogRecord): RecordFields {
  let id: Uint8Array | undefined;
  let time: Buffer | undefined;
  let type: Buffer | undefined;
  let hashed = false;
  const shown: (readonly [string, Uint8Array])[] = [];
  for (const [name, content] of headers) {
    if (name.startsWith(OWN_PREFIX)) {
      hashed ||= name === recordHeaders.hash;
      continue;
    }
    const bytes = content ?? NONE;
    const text = isUtf8(bytes);
    if (text && content !== null) {
      if (name === recordHeaders.id) id = bytes;
      else if (name === recordHeaders.time) time = content;
      else if (name === recordHeaders.contentType) type = content;
    }
    shown.push([name, text ? bytes : base64(bytes)]);
  }
  return {
    id: id ?? idFromKey(key),
    eventTimeMs: time === undefined ? undefined : millisecondsOf(time),
    headers: shown,
    payload: value === null ? undefined : payloadOf(value, type, hashed),
  };
}

/** The Kafka key of a record that others wrote is the best name it has. */
function idFromKey(key: Buffer | null): Uint8Array {
  if (key === null) return NONE;
  return isUtf8(key) ? key : base64(key);
}

function base64(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"), "latin1");
}

function millisecondsOf(time: Buffer): number | undefined {
  const ms = Date.parse(time.toString("latin1"));
  return Number.isNaN(ms) ? undefined : ms;
}

/** JSON goes into JSON answers as it is, so what others wrote is only taken for it when it is. */
function payloadOf(value: Buffer, type: Buffer | undefined, ours: boolean): RecordFields["payload"] {
  const typed = type !== undefined && type.equals(JSON_TYPE);
  const json = ours && typed ? isUtf8(value) : isJson(value);
  return { kind: json ? "json" : "binary", bytes: value };
}

function isJson(value: Buffer): boolean {
  if (!isUtf8(value)) return false;
  try {
    JSON.parse(value.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
