import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  DeadLetterSchema,
  ListDeadLettersRequest,
  ListDeadLettersResponseSchema,
} from "@apispool/contracts/apispool/v1/dead_letter_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import type { LogReader, LogRecord, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import { type Names, deadLetterHeaders } from "@apispool/kafka-log/topics.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";

const mostLetters = 1000;
const usualLetters = 100;
/** No more of a dead letter is kept. */
const mostRawBytes = 512 * 1024;
const usualRawBytes = 4096;
/** A message has to fit into what gRPC clients take, 4 MiB as a rule. */
const mostRawBytesTogether = 2 * 1024 * 1024;

/** Dead letters may be half a megabyte each. */
const FETCH = { maxBytes: 1024 * 1024, maxBytesPerPartition: 1024 * 1024, maxWaitMs: 0 };

interface Partition extends TopicPartition {
  readonly source: string;
}

type Letter = MessageInitShape<typeof DeadLetterSchema> & {
  readonly writtenMs: number;
  readonly raw: Uint8Array<ArrayBuffer>;
};

/** What could not become a record, as the ingestor keeps it; read from the end, where the newest are. */
export class DeadLetters {
  readonly #log: LogReader;
  readonly #names: Names;
  readonly #catalogue: Catalogue;

  constructor(log: LogReader, names: Names, catalogue: Catalogue) {
    this.#log = log;
    this.#names = names;
    this.#catalogue = catalogue;
  }

  /** Throws INVALID_ARGUMENT, and NOT_FOUND / UNKNOWN_SOURCE. */
  async list(
    request: ListDeadLettersRequest,
    signal: AbortSignal,
  ): Promise<MessageInitShape<typeof ListDeadLettersResponseSchema>> {
    const { limit, rawBytes } = bounds(request);
    const partitions = this.#catalogue.ofSources(await this.#partitions(signal), request.sources);
    const [begins, ends] = await Promise.all([
      this.#log.offsetsAt("earliest", partitions, signal),
      this.#log.offsetsAt("latest", partitions, signal),
    ]);
    const letters: Letter[] = [];
    let more = false;
    for (const [index, partition] of partitions.entries()) {
      const range = { from: begins[index]?.offset ?? 0, to: ends[index]?.offset ?? 0 };
      // One more tells that there is more.
      const newest = await this.#newest(partition, range, { limit: limit + 1, rawBytes }, signal);
      more ||= newest.more;
      letters.push(...newest.letters);
      letters.sort((a, b) => b.writtenMs - a.writtenMs);
      // Of many sources no more is held than of one.
      const held = withinBytes(letters).slice(0, limit + 1);
      more ||= held.length < letters.length;
      letters.splice(held.length);
    }
    const sent = letters.slice(0, limit);
    return { deadLetters: sent, more: more || letters.length > sent.length };
  }

  async #partitions(signal: AbortSignal): Promise<readonly Partition[]> {
    const prefix = this.#names.deadLetters("");
    const topics = await this.#log.topics(prefix, signal);
    return topics.flatMap(({ name: topic, partitions }) =>
      partitions.map((partition) => ({ source: topic.slice(prefix.length), topic, partition })),
    );
  }

  /**
   * The newest of a partition, the newest first, and whether there are more that did not fit. Looks further and further back
   * from its end until there are enough.
   */
  async #newest(
    partition: Partition,
    { from, to }: { readonly from: number; readonly to: number },
    { limit, rawBytes }: { readonly limit: number; readonly rawBytes: number },
    signal: AbortSignal,
  ): Promise<{ readonly letters: Letter[]; readonly more: boolean }> {
    const letters: Letter[] = [];
    let more = false;
    // Markers of transactions take offsets, too.
    for (let end = to, step = 2 * limit; end > from && letters.length < limit && !more; step *= 2) {
      const begin = Math.max(from, end - step);
      // The oldest first, as they are read.
      const older: Letter[] = [];
      let bytes = 0;
      for (let offset = begin; offset < end;) {
        const [answer] = await this.#log.fetch([{ ...partition, offset }], { ...FETCH, signal });
        if (answer === undefined || answer.nextOffset <= offset) break;
        for (const record of answer.records) {
          if (record.offset >= end) break;
          const letter = letterOf(partition, record, rawBytes);
          older.push(letter);
          bytes += letter.raw.length;
          while (older.length > limit || (older.length > 1 && bytes > mostRawBytesTogether)) {
            bytes -= older.shift()?.raw.length ?? 0;
            more = true;
          }
        }
        offset = answer.nextOffset;
      }
      letters.push(...older.reverse());
      end = begin;
    }
    return { letters, more };
  }
}

function letterOf({ source, partition }: Partition, record: LogRecord, rawBytes: number): Letter {
  const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString("utf8") ?? ""]));
  const value = record.value ?? Buffer.alloc(0);
  const full = Number(headers.get(deadLetterHeaders.fullBytes) ?? value.length);
  return {
    source,
    partition,
    offset: BigInt(record.offset),
    writtenMs: record.timestampMs,
    writtenAt: timestampFromMs(record.timestampMs),
    reason: headers.get(deadLetterHeaders.reason) ?? "",
    place: headers.get(deadLetterHeaders.place) ?? "",
    // A copy, or it would keep all that was fetched with it.
    raw: Uint8Array.from(value.subarray(0, rawBytes)),
    fullBytes: BigInt(Number.isSafeInteger(full) ? Math.max(full, value.length) : value.length),
  };
}

/** The first of them, as many as fit into a message; one at least. */
function withinBytes(letters: readonly Letter[]): readonly Letter[] {
  let bytes = 0;
  const end = letters.findIndex(({ raw }, index) => {
    bytes += raw.length;
    return index > 0 && bytes > mostRawBytesTogether;
  });
  return end === -1 ? letters : letters.slice(0, end);
}

function bounds({ limit, maxRawBytes }: ListDeadLettersRequest): { readonly limit: number; readonly rawBytes: number } {
  const problems: FieldProblem[] = [];
  if (limit > mostLetters)
    problems.push({ field: "limit", problem: `is ${limit}; it must be from 1 to ${mostLetters}` });
  if (maxRawBytes > mostRawBytes) {
    problems.push({ field: "max_raw_bytes", problem: `is ${maxRawBytes}; it must be from 1 to ${mostRawBytes}` });
  }
  if (problems.length > 0) throw invalidArgument(problems);
  return { limit: limit || usualLetters, rawBytes: maxRawBytes || usualRawBytes };
}
