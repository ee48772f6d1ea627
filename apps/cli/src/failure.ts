import { Code, ConnectError } from "@connectrpc/connect";
import { describeError, reasonOf } from "@apispool/common/errors.js";
import { printable } from "./printable.js";
import type { ExitCode } from "./surroundings.js";

/** Ends the program with words for the person who called it. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Ends the program with a code; everything has been said. */
export class Ended extends Error {
  override readonly name = "Ended";
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode) {
    super(`ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Codes that only the caller can do something about. */
const callersOwn: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
]);

/** Whether a call may go well if it is only made again: the connection, or who should answer, was away. */
export function passes(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  return reasonOf(error) === "INTERNAL" ? false : !callersOwn.has(error.code);
}

/** What a call of the gateway failed with, as a failure of this program. */
export function gatewayFailure(error: ConnectError, url: string): Failure {
  return new Failure(inWords(error, url), isMisuse(error) ? 2 : 1);
}

function isMisuse(error: ConnectError): boolean {
  return error.code === Code.InvalidArgument || reasonOf(error) === "UNKNOWN_SOURCE";
}

/** What went wrong with a call of the gateway at an address. */
export function inWords(error: unknown, url: string): string {
  if (!(error instanceof ConnectError)) return printable(describeError(error));
  // With a reason it is the gateway that speaks, and knows best.
  if (reasonOf(error) !== undefined) return printable(error.rawMessage);
  const lost = connectionTrouble(error);
  if (lost !== undefined) {
    return `cannot reach Apispool at ${url} (${lost}); "apispool up" starts it here, --url or APISPOOL_URL says where else it is`;
  }
  switch (error.code) {
    case Code.Unimplemented:
    case Code.Unknown:
    case Code.Internal:
      return `what answers at ${url} does not speak as Apispool does: ${printable(error.rawMessage)}`;
    case Code.DeadlineExceeded:
      return `no answer from ${url} in time`;
    default:
      return printable(error.rawMessage);
  }
}

const systemWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was reset",
  ENOTFOUND: "there is no host of that name",
  EAI_AGAIN: "the host's name cannot be looked up",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no way to that host",
  EPIPE: "the connection was closed",
};

/** What is wrong with the connection; undefined where it is something else that is wrong. */
export function connectionTrouble(error: unknown): string | undefined {
  if (!(error instanceof ConnectError) || reasonOf(error) !== undefined) return undefined;
  const system = systemCode(error);
  if (system !== undefined) return systemWords[system] ?? system;
  if (/^http\/2 stream closed|^The session/.test(error.rawMessage)) return "the connection was closed";
  return error.code === Code.Unavailable ? printable(error.rawMessage) : undefined;
}

/** The operating system's or OpenSSL's code at the bottom of an error. */
function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 10; depth += 1) {
    const { code, cause, errors } = at as { code?: unknown; cause?: unknown; errors?: unknown };
    if (typeof code === "string" && /^(E[A-Z_]+|CERT_|DEPTH_|SELF_|UNABLE_|HOSTNAME_)/.test(code)) {
      if (!code.startsWith("ERR_HTTP2")) return code;
    }
    at = Array.isArray(errors) ? (errors[0] as unknown) : cause;
  }
  return undefined;
}
