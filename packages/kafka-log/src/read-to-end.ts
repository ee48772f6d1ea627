import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { LogReader, LogRecord, PartitionOffset } from "./log-reader.js";

export interface ReadToEndOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for a transaction that somebody left open, in milliseconds. */
  readonly openTransactionMs?: number;
}

const FETCH = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 4 * 1024 * 1024, maxWaitMs: 0 };

/**
 * Reads a partition from an offset to its end, and tells the offset of the end. The end is where the log ended when this
 * began, open transactions included: they are waited for, because they may hold what the caller has to know.
 * Compares positions, not records: the log's tail may be markers only.
 */
export async function readToEnd(
  log: LogReader,
  from: PartitionOffset,
  onRecord: (record: LogRecord) => void,
  { signal, openTransactionMs = 20_000 }: ReadToEndOptions = {},
): Promise<number> {
  const { topic, partition } = from;
  const giveUp = Date.now() + openTransactionMs;
  let offset = from.offset;
  let end: number | undefined;
  for (;;) {
    const [fetched] = await log.fetch([{ topic, partition, offset }], {
      ...FETCH,
      ...(signal === undefined ? {} : { signal }),
    });
    if (fetched === undefined) throw rpcError(Code.Internal, "INTERNAL", "a fetch had no answer");
    end ??= fetched.highWatermark;
    for (const record of fetched.records) onRecord(record);
    const stuck = fetched.nextOffset === offset;
    offset = fetched.nextOffset;
    if (offset >= end) return offset;
    if (stuck) {
      if (Date.now() > giveUp) {
        throw rpcError(
          Code.Unavailable,
          "KAFKA_UNAVAILABLE",
          `${topic}/${partition}: a transaction stays open at offset ${offset}; nothing is lost, but nothing behind it can be read. ` +
            "If it is not over in a minute, Kafka has forgotten it: find and end it with kafka-transactions.sh (find-hanging, abort; KIP-664)",
          { retryAfterMs: 1000 },
        );
      }
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
