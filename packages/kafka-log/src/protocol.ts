import type { AbortedTransaction } from "./record-batch.js";
import { type ProtocolCall, createEncoder } from "./kafkajs-internals.js";

const READ_COMMITTED = 1;
const NO_EPOCH = -1;
const ALL_TOPICS = 0;
/** An empty list, by the compact encoding. */
const NO_TOPIC = 1;

/** Reads Kafka's protocol types; a read beyond the end throws a RangeError. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  int64(): number {
    return Number(this.bigint64());
  }

  bigint64(): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8));
  }

  string(): string {
    const length = this.int16();
    return length < 0 ? "" : this.take(length).toString("utf8");
  }

  /** Unsigned varint (KIP-482). */
  uvarint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#advance(1));
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  compactString(): string {
    const length = this.uvarint() - 1;
    return length <= 0 ? "" : this.take(length).toString("utf8");
  }

  taggedFields(): void {
    for (let count = this.uvarint(); count > 0; count -= 1) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  take(length: number): Buffer {
    const from = this.#advance(length);
    if (this.#at > this.#bytes.length) throw new RangeError("the response ends too early");
    return this.#bytes.subarray(from, this.#at);
  }

  /** As `length` entries, -1 meaning none. */
  list<T>(length: number, read: () => T): T[] {
    return Array.from({ length: Math.max(0, length) }, read);
  }

  #advance(bytes: number): number {
    const from = this.#at;
    this.#at += bytes;
    return from;
  }
}

export interface TopicMetadata {
  readonly errorCode: number;
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly errorCode: number; readonly partition: number; readonly leader: number }[];
}

/** Metadata, version 12: the first that kafkajs has not, and the one that tells topic ids (KIP-516). */
export function metadataCall(of: "all topics" | "no topic"): ProtocolCall<readonly TopicMetadata[]> {
  return {
    request: {
      apiKey: 3,
      apiVersion: 12,
      apiName: "Metadata",
      // A flexible version: its request header ends with tagged fields, which are written here as the body's first byte.
      encode: async () =>
        createEncoder()
          .writeInt8(0)
          .writeInt8(of === "all topics" ? ALL_TOPICS : NO_TOPIC)
          .writeInt8(0)
          .writeInt8(0)
          .writeInt8(0),
    },
    response: {
      decode: async (payload) => {
        const c = new Cursor(payload);
        c.taggedFields();
        c.int32(); // throttle time
        c.list(c.uvarint() - 1, () => {
          c.int32();
          c.compactString();
          c.int32();
          c.compactString();
          c.taggedFields();
        });
        c.compactString();
        c.int32();
        return c.list(c.uvarint() - 1, () => readTopic(c));
      },
      parse: async (topics) => topics,
    },
  };
}

function readTopic(c: Cursor): TopicMetadata {
  const errorCode = c.int16();
  const name = c.compactString();
  const topicId = c.take(16).toString("hex");
  c.int8(); // is internal
  const partitions = c.list(c.uvarint() - 1, () => {
    const code = c.int16();
    const partition = c.int32();
    const leader = c.int32();
    c.int32(); // leader epoch
    for (let lists = 0; lists < 3; lists += 1) c.list(c.uvarint() - 1, () => c.int32());
    c.taggedFields();
    return { errorCode: code, partition, leader };
  });
  c.int32(); // authorized operations
  c.taggedFields();
  return { errorCode, name, topicId, partitions };
}

export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly maxBytesPerPartition: number;
  readonly requestTimeoutMs: number;
}

export interface PartitionResponse {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer;
}

/** Fetch, version 11, without a fetch session (KIP-227), read committed. */
export function fetchCall(
  positions: readonly FetchPosition[],
  limits: FetchLimits,
): ProtocolCall<readonly PartitionResponse[]> {
  return {
    requestTimeout: limits.requestTimeoutMs,
    logResponseError: false,
    request: {
      apiKey: 1,
      apiVersion: 11,
      apiName: "Fetch",
      encode: async () => {
        const e = createEncoder()
          .writeInt32(-1) // replica id
          .writeInt32(limits.maxWaitMs)
          .writeInt32(1) // at least a byte
          .writeInt32(limits.maxBytes)
          .writeInt8(READ_COMMITTED)
          .writeInt32(0) // no session
          .writeInt32(NO_EPOCH)
          .writeInt32(positions.length);
        for (const { topic, partition, offset } of positions) {
          e.writeString(topic)
            .writeInt32(1)
            .writeInt32(partition)
            .writeInt32(NO_EPOCH)
            .writeInt64(offset)
            .writeInt64(-1)
            .writeInt32(limits.maxBytesPerPartition);
        }
        return e.writeInt32(0).writeString("");
      },
    },
    response: {
      decode: async (payload) => {
        const c = new Cursor(payload);
        c.int32(); // throttle time
        const errorCode = c.int16();
        c.int32(); // session
        const out: PartitionResponse[] = [];
        if (errorCode !== 0) return positions.map(({ topic, partition }) => failed(topic, partition, errorCode));
        for (let topics = c.int32(); topics > 0; topics -= 1) {
          const topic = c.string();
          for (let partitions = c.int32(); partitions > 0; partitions -= 1) out.push(readPartition(c, topic));
        }
        return out;
      },
      parse: async (partitions) => partitions,
    },
  };
}

function readPartition(c: Cursor, topic: string): PartitionResponse {
  const partition = c.int32();
  const errorCode = c.int16();
  const highWatermark = c.int64();
  const lastStableOffset = c.int64();
  const logStartOffset = c.int64();
  const aborted = c.list(c.int32(), () => ({ producerId: c.bigint64(), firstOffset: c.int64() }));
  c.int32(); // preferred read replica
  const records = c.take(Math.max(0, c.int32()));
  return { topic, partition, errorCode, highWatermark, lastStableOffset, logStartOffset, aborted, records };
}

function failed(topic: string, partition: number, errorCode: number): PartitionResponse {
  const none = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, aborted: [], records: Buffer.alloc(0) };
  return { topic, partition, errorCode, ...none };
}
