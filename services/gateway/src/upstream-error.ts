import { Code, ConnectError } from "@connectrpc/connect";
import { describeError, invalidArgument, isAbort, reasonOf, reasons, rpcError } from "@apispool/common/errors.js";
import { BadRequestSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";

/** Which service a call went to. */
export interface Peer {
  /** Its name as a person knows it. */
  readonly name: string;
  /** host:port. */
  readonly address: string;
}

/**
 * What to tell the client of a call that failed upstream. An error that the service itself sent keeps its code, text
 * and google.rpc details; a failure of the connection becomes UNAVAILABLE and says which service is not there. Total.
 */
export function fromUpstream(thrown: unknown, peer: Peer, signal?: AbortSignal): ConnectError {
  if (signal?.aborted === true) return reasonOfAbort(signal);
  if (thrown instanceof ConnectError) {
    if (thrown.isWireError) return withoutMetadata(thrown);
    // It says already what is wrong.
    if (reasonOf(thrown) !== undefined) return thrown;
    // These two are made on this side: the call's own deadline, and a message that is larger than allowed.
    if (thrown.code === Code.DeadlineExceeded || thrown.code === Code.ResourceExhausted) return thrown;
  }
  const text = thrown instanceof ConnectError ? thrown.rawMessage : describeError(thrown);
  return rpcError(
    Code.Unavailable,
    "SERVICE_UNAVAILABLE",
    `the ${peer.name} at ${peer.address} cannot be reached: ${text}`,
    { cause: thrown, retryAfterMs: 1000, metadata: { service: peer.name, address: peer.address } },
  );
}

/**
 * Whether a call has failed because the process that it went to is gone, or is going: another one may answer it. Not when the
 * caller has given up, nor for what a process says of the call itself.
 */
export function isGone(thrown: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted === true) return false;
  if (!(thrown instanceof ConnectError)) return true;
  if (thrown.isWireError) return thrown.code === Code.Unavailable && reasonOf(thrown) === "SHUTTING_DOWN";
  return thrown.code !== Code.DeadlineExceeded && thrown.code !== Code.ResourceExhausted;
}

/** The same error, with the fields that are wrong named as the client wrote them. */
export function renameFields(thrown: unknown, nameOf: (field: string) => string): unknown {
  if (!(thrown instanceof ConnectError)) return thrown;
  const violations = thrown.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations);
  if (violations.length === 0) return thrown;
  const problems = violations.map(({ field, description }) => ({ field: nameOf(field), problem: description }));
  return invalidArgument(
    problems,
    reasons.find((reason) => reason === reasonOf(thrown)),
  );
}

/** What a signal was aborted with, as an error for the client. */
export function reasonOfAbort(signal: AbortSignal): ConnectError {
  const reason: unknown = signal.reason;
  if (reason instanceof ConnectError) return reason;
  return new ConnectError(
    isAbort(reason) || reason === undefined ? "the client went away" : describeError(reason),
    Code.Canceled,
    undefined,
    undefined,
    reason,
  );
}

/** Headers and trailers of the upstream answer are of no use to the client. */
function withoutMetadata(error: ConnectError): ConnectError {
  const copy = new ConnectError(error.rawMessage, error.code, undefined, undefined, error.cause);
  copy.details = error.details;
  return copy;
}
