import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReaderSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { LogReader, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { recordHeaders } from "@apispool/kafka-log/topics.js";
import { type Place, keyOf } from "./place.js";
import type { Standing } from "./positions.js";
import { isRecordTime } from "@apispool/record-codec/timestamp-range.js";

const SMALL = { maxBytes: 64 * 1024, maxBytesPerPartition: 64 * 1024, maxWaitMs: 0 };

/** What a reader has before it in one partition. */
interface Unread {
  readonly count: number;
  /** Whether the count is one of offsets, in which markers of transactions count too. */
  readonly estimate: boolean;
  /** When the oldest was written, milliseconds since the Unix epoch; undefined where nothing is unread, or it does not say. */
  readonly oldestMs: number | undefined;
}

/**
 * Tells how readers stand. Offsets are no count of records: transactions take offsets of their own. So every record carries
 * its running number, and the count is the newest one's less the first unread one's, plus one.
 */
export class StandingReport {
  readonly #log: LogReader;
  /** Running number of the newest record, by partition; known for one end of the log. */
  readonly #newest = new Map<string, { readonly end: number; readonly sequence: number | undefined }>();

  constructor(log: LogReader) {
    this.#log = log;
  }

  async of(name: string, standing: Standing, signal: AbortSignal): Promise<MessageInitShape<typeof ReaderSchema>> {
    const { places, lastActivityMs } = standing;
    const ends = new Map(
      (await this.#log.offsetsAt("latest", places, signal)).map((place) => [keyOf(place), place.offset]),
    );
    const unread = await Promise.all(
      places.map(async (place) => this.#unread(place, ends.get(keyOf(place)) ?? 0, signal)),
    );
    const oldest = unread.flatMap(({ oldestMs }) => (oldestMs === undefined ? [] : [oldestMs]));
    return {
      name,
      positions: places.map(toPosition),
      unread: BigInt(unread.reduce((sum, { count }) => sum + count, 0)),
      unreadIsEstimate: unread.some(({ estimate }) => estimate),
      ...(oldest.length === 0 ? {} : { oldestUnreadAt: timestampFromMs(Math.min(...oldest)) }),
      ...(lastActivityMs === undefined ? {} : { lastActivityAt: timestampFromMs(lastActivityMs) }),
    };
  }

  async #unread(place: Place, end: number, signal: AbortSignal): Promise<Unread> {
    const nothing = { count: 0, estimate: false, oldestMs: undefined };
    if (place.offset >= end) return nothing;
    const first = await this.#firstFrom(place, end, signal);
    if (first === undefined) return nothing;
    const from = sequenceOf(first);
    const to = from === undefined ? undefined : await this.#newestSequence(place, end, signal);
    const known = from !== undefined && to !== undefined && to >= from;
    return {
      count: known ? to - from + 1 : end - first.offset,
      estimate: !known,
      oldestMs: isRecordTime(first.timestampMs) ? first.timestampMs : undefined,
    };
  }

  /** The first record at or after a place; there may be none although the end is not reached: markers only. */
  async #firstFrom(place: Place, end: number, signal: AbortSignal): Promise<LogRecord | undefined> {
    for (let { offset } = place; offset < end;) {
      const [answer] = await this.#log.fetch([{ ...place, offset }], { ...SMALL, signal });
      const [first] = answer?.records ?? [];
      if (first !== undefined) return first;
      if (answer === undefined || answer.nextOffset <= offset) return undefined;
      offset = answer.nextOffset;
    }
    return undefined;
  }

  async #newestSequence(place: Place, end: number, signal: AbortSignal): Promise<number | undefined> {
    const key = `${place.topicId}/${place.partition}`;
    const known = this.#newest.get(key);
    if (known?.end === end) return known.sequence;
    const newest = await this.#newestBefore(place, end, signal);
    const sequence = newest === undefined ? undefined : sequenceOf(newest);
    this.#newest.set(key, { end, sequence });
    return sequence;
  }

  /** Looks further and further back from the end, past what are only markers and aborted records. */
  async #newestBefore(place: Place, end: number, signal: AbortSignal): Promise<LogRecord | undefined> {
    for (let back = 2; ; back *= 4) {
      let offset = Math.max(place.offset, end - back);
      const first = offset;
      let newest: LogRecord | undefined;
      while (offset < end) {
        const [answer] = await this.#log.fetch([{ ...place, offset }], { ...SMALL, signal });
        newest = answer?.records.findLast((record) => record.offset < end) ?? newest;
        if (answer === undefined || answer.nextOffset <= offset) break;
        offset = answer.nextOffset;
      }
      if (newest !== undefined || first === place.offset) return newest;
    }
  }
}

function sequenceOf({ headers }: LogRecord): number | undefined {
  const text = headers.find(([name]) => name === recordHeaders.sequence)?.[1]?.toString("latin1");
  const sequence = text === undefined ? Number.NaN : Number(text);
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}

/** A place as the contract has it. */
export function toPosition({ source, partition, offset }: Place): {
  source: string;
  partition: number;
  offset: bigint;
} {
  return { source, partition, offset: BigInt(offset) };
}
