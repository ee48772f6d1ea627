import type { Message, Producer, Transaction } from "kafkajs";
import type { SharedConnections } from "@apispool/kafka-log/producer-connections.js";
import { isConnectionTrouble } from "@apispool/kafka-log/retry.js";
import { grouped } from "@apispool/kafka-log/quick-broker.js";
import type { KafkaOperation, ObserveKafka } from "@apispool/kafka-log/metered-log-reader.js";
import { withDeadline } from "../deadline.js";

/** An open transaction of a crashed process holds up readers of committed records for this long, in milliseconds. */
const TRANSACTION_TIMEOUT_MS = 12_000;
/** The longest any single step may take, in milliseconds: kafkajs has promises that may never settle. */
const STEP_MS = 30_000;

/** A message with its partition given: kafkajs chooses anew at every retry otherwise, and may write it twice. */
export type PartitionedMessage = Message & { readonly partition: number };

/** What goes out in one request. */
export type Send = readonly { readonly topic: string; readonly messages: readonly PartitionedMessage[] }[];

/** Thrown when Kafka acknowledged records with an offset that others had already: they were not written. */
class LostWriteError extends Error {
  override readonly name = "LostWriteError";
}

const fencing = new Set([
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "INVALID_PRODUCER_ID_MAPPING",
  "INVALID_TXN_STATE",
  "TRANSACTION_COORDINATOR_FENCED",
]);

/** Whether an error says that another producer has the transactional id now, or that Kafka ended the transaction. */
export function isFenced(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 10; depth += 1) {
    const { type, cause } = at as { type?: unknown; cause?: unknown };
    if (typeof type === "string" && fencing.has(type)) return true;
    at = cause;
  }
  return false;
}

/**
 * Transactions with one transactional id. kafkajs loses data in silence when a producer is used again after a failed
 * send, and a commit that failed may have happened: so after any error the producer is thrown away, and the caller has
 * to call {@link fence} and find out from the log what has been written.
 */
export class TransactionalProducer {
  readonly #connections: SharedConnections;
  readonly #transactionalId: string;
  readonly #observe: ObserveKafka;
  #producer: Producer | undefined;
  #open: Transaction | undefined;
  #closed = false;
  /** The newest offset known of each partition: what is acknowledged must lie behind it. */
  readonly #newest = new Map<string, number>();

  constructor(connections: SharedConnections, transactionalId: string, observe: ObserveKafka = () => {}) {
    this.#observe = observe;
    this.#connections = connections;
    this.#transactionalId = transactionalId;
  }

  /** Whether it can write; false before the first {@link fence} and after any error. */
  get ready(): boolean {
    return this.#producer !== undefined;
  }

  /**
   * Makes a new producer. Behind it every older one with this transactional id is shut out, and what it left open is
   * aborted: kafkajs sends InitProducerId with a producer's first transaction, which waits here for the first write.
   */
  async fence(): Promise<void> {
    if (this.#closed) throw new Error("the producer was closed");
    this.discard();
    const producer = this.#connections.producer({
      transactionalId: this.#transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
    });
    this.#producer = producer;
    this.#newest.clear();
    const open = await this.#step(producer, "begin_transaction", "making a producer", async () => {
      await producer.connect();
      return await producer.transaction();
    });
    if (this.#producer !== producer) {
      void disconnect(producer);
      throw new Error("the producer was thrown away meanwhile");
    }
    this.#open = open;
  }

  /** Tells which offset comes next in a partition (`topic/number`), as it was read from the log. */
  startAt(place: string, nextOffset: number): void {
    this.#newest.set(place, nextOffset - 1);
  }

  /**
   * Writes everything in one transaction: all of it, or nothing, or, when it rejects, one of both. Tells at which offset
   * what went to a topic last begins.
   */
  async write(sends: Iterable<Send>, tellOf: string): Promise<number> {
    const producer = this.#producer;
    if (producer === undefined) throw new Error("a producer that was thrown away cannot write");
    const transaction =
      this.#open ??
      (await this.#step(
        producer,
        "begin_transaction",
        "beginning a transaction",
        async () => await producer.transaction(),
      ));
    this.#open = undefined;
    let lastOffset = -1;
    for (const send of sends) {
      await this.#step(producer, "produce", "writing records", async () => {
        const topicMessages = send.map(({ topic, messages }) => ({ topic, messages: grouped(messages) }));
        const acknowledged = await transaction.sendBatch({ topicMessages });
        for (const { topicName, partition, baseOffset } of acknowledged) {
          this.#check(`${topicName}/${partition}`, Number(baseOffset));
          if (topicName === tellOf) lastOffset = Number(baseOffset);
        }
      });
    }
    // Only what a send brought is known exactly; the markers that a commit adds make offsets grow, never shrink.
    await this.#step(producer, "end_transaction", "committing records", async () => await transaction.commit());
    return lastOffset;
  }

  /** Gives the producer up. What it was doing may still reach Kafka, where it counts for nothing after {@link fence}. */
  discard(): void {
    const producer = this.#producer;
    this.#producer = undefined;
    this.#open = undefined;
    if (producer !== undefined) void disconnect(producer);
  }

  /** Closes the connections for good. */
  async close(): Promise<void> {
    this.#closed = true;
    const producer = this.#producer;
    this.#producer = undefined;
    this.#open = undefined;
    if (producer !== undefined) await disconnect(producer);
  }

  #check(partition: string, baseOffset: number): void {
    const newest = this.#newest.get(partition) ?? -1;
    if (!(baseOffset > newest)) {
      throw new LostWriteError(
        `Kafka acknowledged records at offset ${baseOffset} of ${partition}, where there are others already`,
      );
    }
    this.#newest.set(partition, baseOffset);
  }

  async #step<T>(producer: Producer, operation: KafkaOperation, what: string, work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const working = work();
    try {
      const done = await withDeadline(working, STEP_MS, what);
      this.#observe(operation, "ok", (performance.now() - begin) / 1000);
      return done;
    } catch (error) {
      const outcome = isConnectionTrouble(error) ? "unavailable" : "error";
      this.#observe(operation, outcome, (performance.now() - begin) / 1000);
      if (this.#producer === producer) this.discard();
      this.#connections.failed(producer, error);
      // kafkajs may connect again on its own while it retries; that connection has to go too.
      void working.catch(() => undefined).finally(() => void disconnect(producer));
      throw error;
    }
  }
}

async function disconnect(producer: Producer): Promise<void> {
  try {
    await withDeadline(producer.disconnect(), 3000, "disconnecting a producer");
  } catch {
    // It goes away either way.
  }
}
