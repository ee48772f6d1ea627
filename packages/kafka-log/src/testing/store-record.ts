import type { LogRecord } from "../log-reader.js";
import { type RecordSpans, StoredRecord } from "../stored-record.js";

/** A record as the log would hold it, with something before and behind it in memory. */
export function storeRecord(record: LogRecord): StoredRecord {
  return storeRecords([record])[0] as StoredRecord;
}

/** The same for several records, which then lie in the same bytes, as those of a batch do. */
export function storeRecords(records: readonly LogRecord[]): StoredRecord[] {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (bytes: Uint8Array): number => {
    parts.push(Buffer.from(bytes));
    at += bytes.length;
    return at - bytes.length;
  };
  const spans = records.map(({ offset, timestampMs, key, value, headers }): RecordSpans => {
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
    return {
      offset,
      timestampMs,
      keyFrom,
      keyLength: key?.length ?? -1,
      valueFrom,
      valueLength: value?.length ?? -1,
      headersFrom,
      headerCount: headers.length,
      end,
    };
  });
  const bytes = Buffer.concat(parts);
  return spans.map((one) => new StoredRecord(bytes, one));
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
