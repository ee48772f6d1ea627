import { Code, ConnectError } from "@connectrpc/connect";
import { describeError, rpcError } from "@apispool/common/errors.js";

/** Kafka's error codes that are handled by name here (the protocol guide's table). */
export const kafkaErrors = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REPLICA_NOT_AVAILABLE: 9,
  GROUP_ID_NOT_FOUND: 69,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
} as const;

/** Thrown inside an attempt for what passes by itself once the metadata is fresh. */
export class StaleMetadata extends Error {
  override readonly name = "StaleMetadata";
}

const passing = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSLockTimeout",
  "KafkaJSNumberOfRetriesExceeded",
  "KafkaJSClosedConnection",
  "StaleMetadata",
]);

/** Code -1, UNKNOWN_SERVER_ERROR, as kafkajs calls it. */
const SERVER_ERROR = "UNKNOWN";

interface KafkaJsError {
  readonly name?: string;
  readonly type?: string;
  readonly retriable?: boolean;
}

/** Whether trying again, with new metadata and perhaps new connections, may help. */
export function isPassing(error: unknown): boolean {
  if (refusalOf(error) !== undefined) return false;
  const { name, type, retriable } = error as KafkaJsError;
  if (passing.has(name ?? "")) return true;
  // A broker's answer: kafkajs marks those that the protocol guide calls retriable. What went wrong in the broker itself it does not
  // mark; after a coordinator lost its way ("No in-memory snapshot for epoch", Kafka 4.3.1) that passed with the broker's restart.
  return type === SERVER_ERROR || (type !== undefined && retriable === true);
}

/** Whether the connections themselves are in doubt, so that new ones are better than a repeat on the old. */
export function isConnectionTrouble(error: unknown): boolean {
  if (refusalOf(error) !== undefined) return true;
  const { name } = error as KafkaJsError;
  return passing.has(name ?? "") && name !== "StaleMetadata";
}

/** OpenSSL's and Node's words for a certificate that is not accepted, by us or (`ERR_SSL_`) by the broker. */
const distrust =
  /^(ERR_SSL_|ERR_TLS_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;

/** Why Kafka and we do not come together, where that does not pass by itself: credentials, certificates. */
export function refusalOf(error: unknown): string | undefined {
  let at = error;
  for (let depth = 0; typeof at === "object" && at !== null && depth < 10; depth += 1) {
    const { name, code, message, cause } = at as { name?: string; code?: string; message?: string; cause?: unknown };
    if (name === "KafkaJSSASLAuthenticationError") {
      return `it does not accept the credentials: ${message ?? ""}; see KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE`;
    }
    if (typeof code === "string" && distrust.test(code)) {
      return `TLS failed: ${message ?? ""} (${code}); see KAFKA_TLS_CA_FILE, KAFKA_TLS_CERT_FILE, and whether its listener speaks TLS`;
    }
    at = cause;
  }
  return undefined;
}

/** What callers see when Kafka could not be had within the time. */
export function unavailable(brokers: readonly string[], cause: unknown): ConnectError {
  return rpcError(
    Code.Unavailable,
    "KAFKA_UNAVAILABLE",
    `Kafka at ${brokers.join(", ")} cannot be reached; nothing is lost, try again`,
    {
      cause,
      retryAfterMs: 1000,
    },
  );
}

/** Any error of a Kafka call, as a border error. */
export function toKafkaError(error: unknown, brokers: readonly string[]): ConnectError {
  if (error instanceof ConnectError) return error;
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    const text = `Kafka at ${brokers.join(", ")} cannot be used: ${refusal}`;
    return rpcError(Code.FailedPrecondition, "KAFKA_REFUSED", text, { cause: error });
  }
  const { type } = error as KafkaJsError;
  if (type === "UNKNOWN_MEMBER_ID" || type === "ILLEGAL_GENERATION" || type === "REBALANCE_IN_PROGRESS") {
    return rpcError(
      Code.FailedPrecondition,
      "READER_IN_USE_BY_GROUP",
      "a Kafka consumer is a live member of this reader's consumer group, so its position cannot be set from here; stop that consumer or use another reader name",
      { cause: error },
    );
  }
  if (type === "UNKNOWN_TOPIC_OR_PARTITION")
    return rpcError(Code.NotFound, "UNKNOWN_SOURCE", describeError(error), { cause: error });
  if (type !== undefined && type !== SERVER_ERROR)
    return rpcError(Code.FailedPrecondition, "KAFKA_REFUSED", `Kafka refused: ${describeError(error)}`, {
      cause: error,
    });
  return unavailable(brokers, error);
}
