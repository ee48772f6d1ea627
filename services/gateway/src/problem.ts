import { Code, type ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { type FieldProblem, invalidArgument, reasonOf, rpcError, toConnectError } from "@apispool/common/errors.js";

/** An error as application/problem+json (RFC 9457). */
export interface Problem {
  /** `urn:apispool:error:` and the reason; docs/errors.md lists them. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The Connect code, e.g. `invalid_argument`. */
  readonly code: string;
  /** The stable reason. */
  readonly reason?: string;
  /** What is wrong with each field, and what is allowed. */
  readonly errors?: readonly FieldProblem[];
  readonly requestId: string;
}

/** An error with an HTTP status of its own, where its code alone does not give it. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly error: ConnectError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: ConnectError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** A request that is wrong in one thing outside of its fields: path, method, media type, size. */
export function httpError(
  status: number,
  field: string,
  problem: string,
  headers: Readonly<Record<string, string>> = {},
): HttpError {
  const code = codeOf[status];
  if (code === undefined) return new HttpError(status, invalidArgument([{ field, problem }]), headers);
  const error = rpcError(code, "INVALID_FIELD", `${field}: ${problem}`);
  error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field, description: problem }] } });
  return new HttpError(status, error, headers);
}

const codeOf: Readonly<Record<number, Code>> = {
  404: Code.NotFound,
  405: Code.Unimplemented,
  413: Code.ResourceExhausted,
};

const kinds: Readonly<Record<Code, { name: string; status: number; title: string }>> = {
  [Code.Canceled]: { name: "canceled", status: 499, title: "The client went away" },
  [Code.Unknown]: { name: "unknown", status: 500, title: "Unknown error" },
  [Code.InvalidArgument]: { name: "invalid_argument", status: 400, title: "The request is wrong" },
  [Code.DeadlineExceeded]: { name: "deadline_exceeded", status: 504, title: "It took too long" },
  [Code.NotFound]: { name: "not_found", status: 404, title: "Not found" },
  [Code.AlreadyExists]: { name: "already_exists", status: 409, title: "It exists already" },
  [Code.PermissionDenied]: { name: "permission_denied", status: 403, title: "Not allowed" },
  [Code.ResourceExhausted]: { name: "resource_exhausted", status: 429, title: "Too much" },
  [Code.FailedPrecondition]: { name: "failed_precondition", status: 400, title: "Not possible as things are" },
  [Code.Aborted]: { name: "aborted", status: 409, title: "Somebody else is at it" },
  [Code.OutOfRange]: { name: "out_of_range", status: 400, title: "Out of range" },
  [Code.Unimplemented]: { name: "unimplemented", status: 501, title: "Not implemented" },
  [Code.Internal]: { name: "internal", status: 500, title: "Unexpected error" },
  [Code.Unavailable]: { name: "unavailable", status: 503, title: "Not available now" },
  [Code.DataLoss]: { name: "data_loss", status: 500, title: "Data was lost" },
  [Code.Unauthenticated]: { name: "unauthenticated", status: 401, title: "Not authenticated" },
};

/** Every code by its name. */
export const codeNames: readonly string[] = Object.values(kinds).map(({ name }) => name);

const titles: Readonly<Record<number, string>> = {
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Too slow",
  413: "Too large",
  414: "Address too long",
  415: "Unsupported media type",
  431: "Header fields too large",
};

/** What to answer to a request that failed, and the headers to do it with. Total: any thrown thing gets an answer. */
export function problemOf(
  thrown: unknown,
  requestId: string,
): { readonly problem: Problem; readonly headers: Readonly<Record<string, string>>; readonly error: ConnectError } {
  const http = thrown instanceof HttpError ? thrown : undefined;
  const error = http?.error ?? toConnectError(thrown);
  const kind = kinds[error.code] ?? kinds[Code.Unknown];
  const status = http?.status ?? kind.status;
  const reason = reasonOf(error);
  const errors = error
    .findDetails(BadRequestSchema)
    .flatMap((bad) => bad.fieldViolations.map((v) => ({ field: v.field, problem: v.description })));
  return {
    error,
    headers: { ...retryAfter(error, status), ...http?.headers },
    problem: {
      type: reason === undefined ? "about:blank" : `urn:apispool:error:${reason}`,
      title: (http === undefined ? undefined : titles[status]) ?? kind.title,
      status,
      detail: error.rawMessage,
      code: kind.name,
      ...(reason === undefined ? {} : { reason }),
      ...(errors.length === 0 ? {} : { errors }),
      requestId,
    },
  };
}

/** Retry-After in whole seconds, from google.rpc.RetryInfo where there is one. */
function retryAfter(error: ConnectError, status: number): Record<string, string> {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) {
    return { "retry-after": String(Math.max(1, Number(delay.seconds) + (delay.nanos > 0 ? 1 : 0))) };
  }
  return status === 503 || status === 429 || error.code === Code.Aborted ? { "retry-after": "1" } : {};
}
