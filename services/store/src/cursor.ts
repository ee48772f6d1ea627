import { createHash } from "node:crypto";
import { invalidArgument } from "@apispool/common/errors.js";
import type { Keyset } from "@apispool/record-store/store.js";

const VERSION = 1;
const CHECK_BYTES = 8;
/** Version, time, partition, offset; the source's name is behind them, and before all a checksum. */
const FIXED_BYTES = 1 + 8 + 4 + 8;

/** A place in a query's order as text that belongs to this question alone. It holds no secret and grants nothing. */
export function encodeCursor({ timeMs, source, partition, offset }: Keyset, question: Buffer): string {
  const body = Buffer.alloc(FIXED_BYTES + Buffer.byteLength(source));
  body[0] = VERSION;
  body.writeDoubleBE(timeMs, 1);
  body.writeInt32BE(partition, 9);
  body.writeDoubleBE(offset, 13);
  body.write(source, FIXED_BYTES);
  return Buffer.concat([checkOf(body, question), body]).toString("base64url");
}

/** Throws INVALID_ARGUMENT / INVALID_CURSOR for one that is damaged, or of another question. */
export function decodeCursor(cursor: string, question: Buffer): Keyset {
  const bytes = Buffer.from(cursor, "base64url");
  const body = bytes.subarray(CHECK_BYTES);
  const isWhole = bytes.toString("base64url") === cursor && body.length > FIXED_BYTES && body[0] === VERSION;
  if (!isWhole || !checkOf(body, question).equals(bytes.subarray(0, CHECK_BYTES))) {
    const problem = "is damaged, or was given for another question; filter and order have to be the same";
    throw invalidArgument([{ field: "cursor", problem }], "INVALID_CURSOR");
  }
  return {
    timeMs: body.readDoubleBE(1),
    partition: body.readInt32BE(9),
    offset: body.readDoubleBE(13),
    source: body.toString("utf8", FIXED_BYTES),
  };
}

function checkOf(body: Buffer, question: Buffer): Buffer {
  return createHash("sha256").update(question).update(body).digest().subarray(0, CHECK_BYTES);
}
