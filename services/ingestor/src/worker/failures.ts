import { Code } from "@connectrpc/connect";
import { describeError } from "@apispool/common/errors.js";
import { toKafkaError } from "@apispool/kafka-log/retry.js";
import { backoffMs } from "../backoff.js";
import type { RetryConfig } from "../config/source-config.js";
import { formatDuration } from "../config/units.js";
import { PollError } from "../poll-error.js";

/** While Kafka cannot be reached: work goes on within seconds of its return, and no remote API suffers from it. */
const KAFKA_BACKOFF = { firstMs: 200, longestMs: 2000 };

export interface Failure {
  /** In words. */
  readonly text: string;
  /** How long to wait before the next try, in milliseconds. */
  readonly pauseMs: number;
}

/** Whether the circuit is open after so many failures in a row: one careful request at a time, which is not repeated. */
export function isOpen(failures: number, { openAfter }: Pick<RetryConfig, "openAfter">): boolean {
  return failures >= openAfter;
}

/** What to make of a poll that failed, after so many failures in a row. */
export function judge(
  error: unknown,
  failures: number,
  retry: RetryConfig,
  brokers: readonly string[],
  random: () => number,
): Failure {
  const limits = { firstMs: retry.initialMs, longestMs: retry.maxMs };
  if (error instanceof PollError) {
    const asked = error.retryAfterMs ?? 0;
    if (isOpen(failures, retry)) {
      // A little jitter, so that sources of one API do not come together.
      const { openAfter, maxMs } = retry;
      const polls = openAfter === 1 ? "the last poll has failed" : `${openAfter} or more polls in a row have failed`;
      const text = `${error.message}; ${polls}, so only one request every ${formatDuration(maxMs)} is made now`;
      return { text, pauseMs: Math.max(retry.maxMs * (0.9 + 0.2 * random()), asked) };
    }
    return { text: error.message, pauseMs: Math.max(backoffMs(failures, limits, random), asked) };
  }
  if (isAheadOfKafka(error)) {
    const text =
      "Kafka refuses to write: this ingestor's clock is ahead of Kafka's by more than it takes (message.timestamp.after.max.ms, an hour by default); nothing is lost, it goes on once the clocks agree";
    return { text, pauseMs: backoffMs(failures, KAFKA_BACKOFF, random) };
  }
  const kafkaError = toKafkaError(error, brokers);
  const away = kafkaError.code === Code.Unavailable;
  return {
    text: away ? kafkaError.rawMessage : `writing to Kafka failed: ${describeError(error)}`,
    pauseMs: backoffMs(failures, away ? KAFKA_BACKOFF : { firstMs: 500, longestMs: 60_000 }, random),
  };
}

/** Kafka's INVALID_TIMESTAMP (KIP-937): what is dated too far ahead of its own clock is not written. */
function isAheadOfKafka(error: unknown): boolean {
  let at = error;
  for (let depth = 0; typeof at === "object" && at !== null && depth < 10; depth += 1) {
    const { type, cause } = at as { type?: unknown; cause?: unknown };
    if (type === "INVALID_TIMESTAMP") return true;
    at = cause;
  }
  return false;
}
