import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Cursor, CursorSchema } from "@apispool/contracts/apispool/internal/v1/cursor_pb.js";
import { invalidArgument } from "@apispool/common/errors.js";

const CHECK_BYTES = 6;

/** Where a cursor points in one partition. */
export interface CursorPlace {
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
  readonly topicId: string;
}

/**
 * Places as opaque text, fit for URLs. A checksum goes before them, so that a cursor that was cut or mistyped is told
 * from a whole one; it is no secret.
 */
export function encodeCursor(reader: string, places: Iterable<CursorPlace>): string {
  const cursor = create(CursorSchema, {
    reader,
    positions: Array.from(places, ({ source, partition, offset, topicId }) => ({
      source,
      partition,
      offset: BigInt(offset),
      topicId: Buffer.from(topicId, "hex"),
    })),
  });
  const bytes = toBinary(CursorSchema, cursor);
  return Buffer.concat([checkOf(bytes), bytes]).toString("base64url");
}

/** Throws INVALID_ARGUMENT / INVALID_CURSOR for what is no cursor of this reader; `field` is what the caller calls it. */
export function decodeCursor(text: string, reader: string, field: string): readonly CursorPlace[] {
  const cursor = parse(text);
  if (cursor === undefined) {
    throw invalid(field, "is damaged or no cursor; use one as FetchUnread gave it, whole");
  }
  if (cursor.reader !== reader) {
    throw invalid(field, `was given to the reader "${cursor.reader}", not to "${reader}"`);
  }
  return cursor.positions.map(({ source, partition, offset, topicId }) => ({
    source,
    partition,
    offset: Number(offset),
    topicId: Buffer.from(topicId).toString("hex"),
  }));
}

function parse(text: string): Cursor | undefined {
  if (!/^[\w-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  const body = bytes.subarray(CHECK_BYTES);
  if (!bytes.subarray(0, CHECK_BYTES).equals(checkOf(body))) return undefined;
  try {
    return fromBinary(CursorSchema, body);
  } catch {
    return undefined;
  }
}

function checkOf(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, CHECK_BYTES);
}

function invalid(field: string, problem: string): Error {
  return invalidArgument([{ field, problem }], "INVALID_CURSOR");
}
