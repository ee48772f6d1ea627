import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { writeRecord } from "@apispool/record-codec/plain-record.js";
import { RecordFields } from "@apispool/record-codec/record-fields.js";
import { loadRecordKernel } from "./record-kernel.js";
import type { Run } from "./unread.js";
import type { WireWriter } from "@apispool/record-codec/wire-writer.js";

/** More than what stands between the parts of most records. */
const FRAME = 100;

const kernel = loadRecordKernel();
const fields = new RecordFields();

/** Writes records as `records` of a FetchUnreadResponse: the kernel those that are usual, the others one by one. */
export function writeRuns(writer: WireWriter, runs: readonly Run[]): void {
  for (const { source, partition, records } of runs) {
    const name = Buffer.from(source);
    const plainly = (record: StoredRecord): void => writeRecord(writer, fields, record, name, partition);
    if (kernel.takes(name)) kernel.write(writer, records, partition, plainly);
    else records.forEach(plainly);
  }
}

/** How many bytes some records take, or a little more, as long as they are usual. */
export function mostOf(runs: readonly Run[]): number {
  let size = 0;
  for (const { source, records } of runs) {
    for (const record of records) {
      const { keyLength, valueLength, headersFrom, headerCount, end } = record;
      size += FRAME + source.length + keyLength + valueLength + (end - headersFrom) + 8 * headerCount;
    }
  }
  return size;
}
