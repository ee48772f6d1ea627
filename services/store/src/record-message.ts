import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { ENVELOPE_BYTES, inEnvelope } from "@apispool/common/grpc-envelope.js";
import { writeRecord } from "@apispool/record-codec/plain-record.js";
import { RecordFields } from "@apispool/record-codec/record-fields.js";
import { WireWriter } from "@apispool/record-codec/wire-writer.js";
import type { StoreRow } from "@apispool/record-store/store.js";
import { recordOf } from "@apispool/record-store/reading/record-of.js";

const fields = new RecordFields();

/**
 * A message in protobuf's wire format whose field 1 is the records, as in QueryResponse and GetResponse: made of the bytes that Kafka
 * had, by what makes the reader's answers, so that both say the same of a record.
 */
export function withRecords<D extends DescMessage>(
  schema: D,
  rows: readonly StoreRow[],
  rest: MessageInitShape<D>,
): Buffer {
  const bytes = rows.reduce((sum, { value, headers }) => sum + (value?.length ?? 0) + 2 * headers.length + 200, 0);
  const writer = new WireWriter(bytes, ENVELOPE_BYTES);
  for (const row of rows) writeRecord(writer, fields, recordOf(row), Buffer.from(row.source), row.partition);
  writer.bytes(toBinary(schema, create(schema, rest)));
  return inEnvelope(writer.done());
}
