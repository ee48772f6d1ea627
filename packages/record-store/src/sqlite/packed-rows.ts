import type { StoreRow } from "../store.js";

/**
 * Rows in two buffers that go from thread to thread without being copied: an object of buffers for each row would be
 * cloned one by one.
 */
export interface PackedRows {
  readonly sources: readonly string[];
  /** {@link NUMBERS} for each row. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Of each row its id, key, value and headers, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NUMBERS = 11;

export function packRows(rows: readonly StoreRow[]): PackedRows {
  const numbers = new Float64Array(rows.length * NUMBERS);
  const sources = new Map<string, number>();
  let length = 0;
  for (const row of rows) length += 3 * row.id.length + sizeOf(row);
  const bytes = Buffer.from(new ArrayBuffer(length));
  let at = 0;
  for (const [i, row] of rows.entries()) {
    const { id, key, value, headers } = row;
    let source = sources.get(row.source);
    if (source === undefined) sources.set(row.source, (source = sources.size));
    const idLength = bytes.write(id, at, "utf8");
    at += idLength;
    for (const part of [key, value, headers]) {
      if (part === null) continue;
      bytes.set(part, at);
      at += part.length;
    }
    numbers.set(
      [
        source,
        row.partition,
        row.offset,
        row.ingestedMs,
        row.eventMs ?? Number.NaN,
        row.isJson ? 1 : 0,
        row.headerCount,
        idLength,
        key?.length ?? -1,
        value?.length ?? -1,
        headers.length,
      ],
      i * NUMBERS,
    );
  }
  return { sources: [...sources.keys()], numbers, bytes: new Uint8Array(bytes.buffer, 0, at) };
}

export function unpackRows({ sources, numbers, bytes }: PackedRows): StoreRow[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: StoreRow[] = [];
  let at = 0;
  const take = (length: number): Buffer => all.subarray(at, (at += length));
  for (let i = 0; i < numbers.length; i += NUMBERS) {
    const number = (place: number): number => numbers[i + place] as number;
    const event = number(4);
    const idLength = number(7);
    const id = all.toString("utf8", at, (at += idLength));
    rows.push({
      source: sources[number(0)] ?? "",
      partition: number(1),
      offset: number(2),
      id,
      ingestedMs: number(3),
      eventMs: Number.isNaN(event) ? undefined : event,
      isJson: number(5) === 1,
      headerCount: number(6),
      key: number(8) < 0 ? null : take(number(8)),
      value: number(9) < 0 ? null : take(number(9)),
      headers: take(number(10)),
    });
  }
  return rows;
}

/** What is to change hands with a message. */
export function buffersOf({ numbers, bytes }: PackedRows): ArrayBuffer[] {
  return [numbers.buffer, bytes.buffer];
}

/** The bytes of a row, but for its id. */
export function sizeOf({ key, value, headers }: StoreRow): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headers.length;
}
