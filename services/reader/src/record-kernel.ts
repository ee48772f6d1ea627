import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { type WireWriter, part } from "@apispool/record-codec/wire-writer.js";

/** What assembly/record-kernel.ts exports; every constant is a global. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly encode: (first: number, count: number, sourceLength: number, partition: number) => void;
  readonly [constant: string]: unknown;
}

/**
 * The encoder of usual records: WebAssembly, compiled from assembly/record-kernel.ts, which says what is usual. It takes and
 * gives bytes by copying them into its own memory and out of it, some 250 KB whatever comes; nothing is kept between calls
 * but the source's name.
 */
export class RecordKernel {
  readonly #encode: Exports["encode"];
  readonly #memory: Uint8Array;
  readonly #input: number;
  readonly #inputBytes: number;
  readonly #output: number;
  readonly #source: number;
  readonly #sourceBytes: number;
  readonly #mostSpans: number;
  /** The records' numbers: of each the first as f64, the rest as i32. */
  readonly #floats: Float64Array;
  readonly #ints: Int32Array;
  readonly #floatsEach: number;
  readonly #intsEach: number;
  readonly #result: Int32Array;
  #sourceLength = 0;

  constructor(wasm: Uint8Array) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    const { memory, encode, ...constants } = exports as unknown as Exports;
    const constant = (name: string): number => (constants[name] as WebAssembly.Global).value;
    const spans = constant("SPANS_AT");
    this.#encode = encode;
    this.#memory = new Uint8Array(memory.buffer);
    this.#input = constant("INPUT_AT");
    this.#inputBytes = constant("INPUT_BYTES");
    this.#output = constant("OUTPUT_AT");
    this.#source = constant("SOURCE_AT");
    this.#sourceBytes = constant("SOURCE_BYTES");
    this.#mostSpans = constant("SPANS");
    this.#floats = new Float64Array(memory.buffer, spans);
    this.#ints = new Int32Array(memory.buffer, spans);
    this.#floatsEach = constant("SPAN_BYTES") / 8;
    this.#intsEach = constant("SPAN_BYTES") / 4;
    this.#result = new Int32Array(memory.buffer, constant("RESULT_AT"), 3);
  }

  /** Names the source of the records that follow. False when its name, in UTF-8, is too long. */
  takes(source: Uint8Array): boolean {
    if (source.length > this.#sourceBytes) return false;
    this.#memory.set(source, this.#source);
    this.#sourceLength = source.length;
    return true;
  }

  /** Writes records of the source that was named last; those that are not usual are left to `otherwise`, in their turn. */
  write(
    writer: WireWriter,
    records: readonly StoredRecord[],
    partition: number,
    otherwise: (record: StoredRecord) => void,
  ): void {
    for (let next = 0; next < records.length;) {
      const count = this.#fill(records, next);
      this.#writeFilled(writer, records, next, count, partition, otherwise);
      next += count;
      if (count > 0) continue;
      // It is larger than the kernel's memory.
      otherwise(records[next] as StoredRecord);
      next += 1;
    }
  }

  #writeFilled(
    writer: WireWriter,
    records: readonly StoredRecord[],
    first: number,
    count: number,
    partition: number,
    otherwise: (record: StoredRecord) => void,
  ): void {
    const result = this.#result;
    for (let at = 0; at < count;) {
      this.#encode(at, count, this.#sourceLength, partition);
      at = result[0] as number;
      const length = result[1] as number;
      if (length > 0) writer.bytes(part(this.#memory, this.#output, length));
      if (result[2] === 0) continue;
      otherwise(records[first + at] as StoredRecord);
      at += 1;
    }
  }

  /** Copies in as many records as there is room for, of those that lie in the same bytes; gives how many. */
  #fill(records: readonly StoredRecord[], first: number): number {
    const { bytes, keyFrom: from } = records[first] as StoredRecord;
    const most = Math.min(records.length - first, this.#mostSpans);
    const furthest = from + this.#inputBytes;
    let to = from;
    let count = 0;
    for (; count < most; count += 1) {
      const record = records[first + count] as StoredRecord;
      if (record.bytes !== bytes || record.keyFrom < to || record.end > furthest) break;
      to = record.end;
      this.#fillSpan(record, count, from);
    }
    if (count > 0) this.#memory.set(part(bytes, from, to - from), this.#input);
    return count;
  }

  #fillSpan(record: StoredRecord, index: number, from: number): void {
    const float = index * this.#floatsEach;
    this.#floats[float] = record.offset;
    this.#floats[float + 1] = record.timestampMs;
    const int = index * this.#intsEach;
    const ints = this.#ints;
    ints[int + 4] = record.keyFrom - from;
    ints[int + 5] = record.keyLength;
    ints[int + 6] = record.valueFrom - from;
    ints[int + 7] = record.valueLength;
    ints[int + 8] = record.headersFrom - from;
    ints[int + 9] = record.headerCount;
    ints[int + 10] = record.end - from;
  }
}

/** The kernel as the build put it beside this file. */
export function loadRecordKernel(): RecordKernel {
  const file = join(import.meta.dirname, "record-kernel.wasm");
  try {
    return new RecordKernel(readFileSync(file));
  } catch (error) {
    throw new Error(`${file} cannot be loaded; "npm run build" makes it, tsc alone does not`, { cause: error });
  }
}
