import { Code, ConnectError } from "@connectrpc/connect";
import type { LogReader } from "./log-reader.js";

/** Told of everything that Kafka was asked for: what, how long it took with all its repeats, and what came of it. */
export type ObserveKafka = (operation: KafkaOperation, outcome: KafkaOutcome, seconds: number) => void;

export type KafkaOperation =
  | "list_topics"
  | "find_leaders"
  | "fetch"
  | "long_poll"
  | "list_offsets"
  | "fetch_offsets"
  | "commit_offsets"
  | "list_groups"
  | "delete_group"
  | "ping"
  | "begin_transaction"
  | "produce"
  | "end_transaction";

/** `unavailable`: Kafka could not be reached; `error`: it refused; `given_up`: whoever asked did not wait for it. */
export type KafkaOutcome = "ok" | "unavailable" | "error" | "given_up";

/** A reader that tells of what it asks. Long polls wait on purpose, so they are told apart. */
export function meteredLogReader(log: LogReader, observe: ObserveKafka): LogReader {
  const metered = async <T>(
    operation: KafkaOperation,
    signal: AbortSignal | undefined,
    work: Promise<T>,
  ): Promise<T> => {
    const begin = performance.now();
    let outcome: KafkaOutcome = "ok";
    try {
      return await work;
    } catch (error) {
      outcome = signal?.aborted === true ? "given_up" : outcomeOf(error);
      throw error;
    } finally {
      observe(operation, outcome, (performance.now() - begin) / 1000);
    }
  };
  return {
    topics: async (prefix, signal) => metered("list_topics", signal, log.topics(prefix, signal)),
    leadersOf: async (partitions, signal) => metered("find_leaders", signal, log.leadersOf(partitions, signal)),
    fetch: async (positions, options) =>
      positions.length === 0
        ? []
        : metered(options.maxWaitMs > 0 ? "long_poll" : "fetch", options.signal, log.fetch(positions, options)),
    offsetsAt: async (at, partitions, signal) =>
      partitions.length === 0 ? [] : metered("list_offsets", signal, log.offsetsAt(at, partitions, signal)),
    committed: async (group, partitions, signal) =>
      partitions.length === 0 ? [] : metered("fetch_offsets", signal, log.committed(group, partitions, signal)),
    commit: async (group, offsets, signal, sendBy) =>
      offsets.length === 0 ? true : metered("commit_offsets", signal, log.commit(group, offsets, signal, sendBy)),
    groups: async (prefix, signal) => metered("list_groups", signal, log.groups(prefix, signal)),
    deleteGroup: async (group, signal) => metered("delete_group", signal, log.deleteGroup(group, signal)),
    ping: async (signal) => metered("ping", signal, log.ping(signal)),
    close: async () => log.close(),
  };
}

function outcomeOf(error: unknown): KafkaOutcome {
  return error instanceof ConnectError && error.code === Code.Unavailable ? "unavailable" : "error";
}
