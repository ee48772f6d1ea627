import type { LogRecord } from "../log-reader.js";
import { StoredRecord } from "../stored-record.js";

/** A record as the log would hold it, with something before and behind it in memory. */
export function storeRecord({ offset, timestampMs, key, value, headers }: LogRecord): StoredRecord {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (bytes: Uint8Array): number => {
    parts.push(Buffer.from(bytes));
    at += bytes.length;
    return at - bytes.length;
  };
  add(Buffer.from("before"));
  const keyFrom = add(key ?? Buffer.alloc(0));
  const valueFrom = add(value ?? Buffer.alloc(0));
  const headersFrom = at;
  for (const [name, content] of headers) {
    const nameBytes = Buffer.from(name);
    add(zigzag(nameBytes.length));
    add(nameBytes);
    add(zigzag(content === null ? -1 : content.length));
    add(content ?? Buffer.alloc(0));
  }
  const end = at;
  add(Buffer.from("behind"));
  return new StoredRecord(Buffer.concat(parts), {
    offset,
    timestampMs,
    keyFrom,
    keyLength: key?.length ?? -1,
    valueFrom,
    valueLength: value?.length ?? -1,
    headersFrom,
    headerCount: headers.length,
    end,
  });
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
