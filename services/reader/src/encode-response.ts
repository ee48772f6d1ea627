import { toBinary, create } from "@bufbuild/protobuf";
import { ENVELOPE_BYTES, inEnvelope } from "@apispool/common/grpc-envelope.js";
import { FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { encodeCursor } from "./cursor.js";
import type { Chunk, Run } from "./unread.js";
import { WireWriter } from "@apispool/record-codec/wire-writer.js";
import { mostOf, writeRuns } from "./write-runs.js";

/**
 * A FetchUnreadResponse in protobuf's wire format, straight from the bytes that Kafka gave: an object for each record,
 * filled and encoded field by field, costs several times as much. What it must give is what protobuf-es would.
 */
export function encodeResponse(reader: string, chunk: Chunk): { readonly bytes: Buffer; readonly cursor: string } {
  const { bytes: rest, cursor } = encodeRest(reader, chunk);
  const writer = new WireWriter(rest.length + mostOf(chunk.runs), ENVELOPE_BYTES);
  writeRuns(writer, chunk.runs);
  writer.bytes(rest);
  return { bytes: inEnvelope(writer.done()), cursor };
}

/** The records alone. A message is the records of all its runs, and the rest behind them. */
export function encodeRecords(runs: readonly Run[]): Buffer {
  const writer = new WireWriter(mostOf(runs));
  writeRuns(writer, runs);
  return writer.done();
}

/** All but the records. */
export function encodeRest(
  reader: string,
  chunk: Omit<Chunk, "runs">,
): { readonly bytes: Uint8Array; readonly cursor: string } {
  const cursor = encodeCursor(reader, chunk.places);
  const bytes = toBinary(
    FetchUnreadResponseSchema,
    create(FetchUnreadResponseSchema, {
      cursor,
      complete: chunk.complete,
      gaps: chunk.gaps.map((gap) => ({
        ...gap,
        fromOffset: BigInt(gap.fromOffset),
        toOffset: BigInt(gap.toOffset),
      })),
    }),
  );
  return { bytes, cursor };
}
