import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";

/**
 * The stable reasons that errors carry in google.rpc.ErrorInfo. Programs may rely on them; texts may change.
 * docs/errors.md lists them all.
 */
export const reasons = [
  "INVALID_FIELD",
  "UNKNOWN_SOURCE",
  "UNKNOWN_READER",
  "READER_BUSY",
  "READER_MOVED",
  "READER_IN_USE_BY_GROUP",
  "INVALID_CURSOR",
  "LIMIT_EXCEEDED",
  "KAFKA_UNAVAILABLE",
  "KAFKA_REFUSED",
  "SERVICE_UNAVAILABLE",
  "STORE_OFF",
  "STORE_UNAVAILABLE",
  "UNKNOWN_RECORD",
  "SHUTTING_DOWN",
  "OWNER_SILENT",
  "NOT_IMPLEMENTED",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "HOST_NOT_ALLOWED",
  "ORIGIN_NOT_ALLOWED",
  "RATE_LIMITED",
  "INTERNAL",
] as const;
export type Reason = (typeof reasons)[number];

/** What is wrong with one field of a request, and what would be right. */
export interface FieldProblem {
  /** The field's path as the caller wrote it, e.g. `sources[2]`. */
  readonly field: string;
  /** What was wrong and what is allowed, as one sentence. */
  readonly problem: string;
}

interface Extra {
  readonly cause?: unknown;
  /** When it is worth trying again, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The one way errors are made at a border: a Connect code, a stable reason, and a text a person can act on. */
export function rpcError(code: Code, reason: Reason, message: string, extra: Extra = {}): ConnectError {
  const error = new ConnectError(message, code, undefined, undefined, extra.cause);
  error.details.push({
    desc: ErrorInfoSchema,
    value: { reason, domain: "apispool", metadata: { ...extra.metadata } },
  });
  if (extra.retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.round(extra.retryAfterMs));
    error.details.push({
      desc: RetryInfoSchema,
      value: { retryDelay: { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 } },
    });
  }
  return error;
}

/** The most problems that one error names: it travels in header fields, which have a limit. */
const mostProblems = 20;

/** INVALID_ARGUMENT with google.rpc.BadRequest: every field that is wrong, at once (of very many the first ones). */
export function invalidArgument(all: readonly FieldProblem[], reason: Reason = "INVALID_FIELD"): ConnectError {
  const problems = all.slice(0, mostProblems);
  const error = rpcError(Code.InvalidArgument, reason, problems.map((p) => `${p.field}: ${p.problem}`).join("; "));
  error.details.push({
    desc: BadRequestSchema,
    value: { fieldViolations: problems.map((p) => ({ field: p.field, description: p.problem })) },
  });
  return error;
}

/** Total: any thrown thing becomes a ConnectError; what is not one already becomes INTERNAL without its text. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (isAbort(thrown)) return new ConnectError("the call was cancelled", Code.Canceled, undefined, undefined, thrown);
  return rpcError(Code.Internal, "INTERNAL", "an unexpected error; the service's log tells more", { cause: thrown });
}

/** The ErrorInfo reason of an error, wherever it came from (made here, or received from another service). */
export function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason || undefined;
}

export function isAbort(thrown: unknown): boolean {
  return typeof thrown === "object" && thrown !== null && (thrown as { name?: unknown }).name === "AbortError";
}

/** The text of any thrown thing, its causes included. */
export function describeError(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  const { message, cause, errors, code } = thrown as {
    message?: unknown;
    cause?: unknown;
    errors?: unknown;
    code?: unknown;
  };
  let text =
    typeof message === "string" && message !== "" ? message : typeof code === "string" ? code : "unknown error";
  if (Array.isArray(errors) && errors.length > 0) {
    // A request about a thousand topics may fail a thousand times for one reason.
    const texts = [...new Set(errors.map(describeError))];
    text += ` (${texts.slice(0, 5).join(", ")}${texts.length > 5 ? `, and ${texts.length - 5} others` : ""})`;
  }
  if (cause !== undefined && cause !== thrown) text += `: ${describeError(cause)}`;
  return text;
}
