import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "kafkajs";
import { BatchMemory } from "./batch-memory.js";
import { type Broker, type ProduceOptions, createEncoder, produceCall } from "./kafkajs-internals.js";
import { encodeRecordBatch } from "./record-batch-writer.js";
import { sendInPieces } from "./send-in-pieces.js";

/** The end of a transaction is written within milliseconds; the next one has to wait for it. */
const ENDING_PAUSE_MS = 2;
const ENDING_MS = 400;
const NO_COMPRESSION = 0;

const memory = new BatchMemory();
const tuned = new WeakSet<Broker>();

/**
 * Makes a broker quicker for producers: records are written by our own encoder, and what follows a commit too soon is
 * asked again at once. kafkajs would read the metadata of all topics before it asks again.
 */
export function quick(broker: Broker): Broker {
  if (tuned.has(broker)) return broker;
  tuned.add(broker);
  const add = broker.addPartitionsToTxn.bind(broker);
  const produce = broker.produce.bind(broker);
  broker.addPartitionsToTxn = async (request) => {
    const giveUp = performance.now() + ENDING_MS;
    for (;;) {
      try {
        return await add(request);
      } catch (error) {
        const { type } = error as { type?: string };
        if (type !== "CONCURRENT_TRANSACTIONS" || performance.now() > giveUp) throw error;
        await sleep(ENDING_PAUSE_MS);
      }
    }
  };
  broker.produce = async (options) => {
    if ((options.compression ?? NO_COMPRESSION) !== NO_COMPRESSION) return await produce(options);
    const { batches, pieces } = body(options);
    const onFree = (): void => batches.forEach((batch) => memory.giveBack(batch));
    try {
      return await sendInPieces(broker, { ...produceCall(broker, options), pieces, onFree });
    } catch (error) {
      // As kafkajs does, so that the next request connects again.
      if ((error as Error).name === "KafkaJSConnectionClosedError") await broker.disconnect();
      throw error;
    }
  };
  return broker;
}

/**
 * Messages with their partitions given, as a producer takes them. kafkajs groups them by calling `reduce` with a function
 * that copies everything before for each message, a cost that grows with the square; this one has the answer ready.
 */
export function grouped<M extends Message & { readonly partition: number }>(messages: readonly M[]): M[] {
  const groups: Record<number, M[]> = {};
  for (const message of messages) (groups[message.partition] ??= []).push(message);
  return Object.defineProperty([...messages], "reduce", { value: () => groups });
}

/** The body of a Produce request, versions 3 to 8: in pieces, of which the record batches are some. */
function body(options: ProduceOptions): {
  readonly pieces: readonly Buffer[];
  readonly batches: readonly Buffer[];
} {
  const { acks = -1, timeout = 30_000, transactionalId, topicData } = options;
  const pieces: Buffer[] = [];
  const batches: Buffer[] = [];
  let between = createEncoder()
    .writeString(transactionalId ?? null)
    .writeInt16(acks)
    .writeInt32(timeout)
    .writeInt32(topicData.length);
  for (const { topic, partitions } of topicData) {
    between.writeString(topic).writeInt32(partitions.length);
    for (const { partition, firstSequence, messages } of partitions) {
      const batch = batchOf(messages, firstSequence, options);
      batches.push(batch);
      pieces.push(between.writeInt32(partition).writeInt32(batch.length).buffer, batch);
      between = createEncoder();
    }
  }
  // Of topics without partitions behind the last batch.
  if (between.buffer.length > 0) pieces.push(between.buffer);
  return { pieces, batches };
}

function batchOf(messages: readonly Message[], firstSequence: number, options: ProduceOptions): Buffer {
  const settings = {
    transactional: options.transactionalId !== undefined,
    producerId: BigInt(String(options.producerId)),
    producerEpoch: options.producerEpoch,
    firstSequence,
    now: Date.now(),
  };
  return encodeRecordBatch(messages, settings, (bytes) => memory.take(bytes));
}
