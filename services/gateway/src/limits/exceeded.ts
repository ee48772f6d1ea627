import { Code, type ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { HttpError } from "../problem.js";
import { withoutStack } from "./without-stack.js";

/** A limit that was passed. */
export interface Passed {
  /** What was too much: `body`, `headers`, `url`, `requests` … */
  readonly field: string;
  /** What was wrong and what is allowed, as one sentence. */
  readonly problem: string;
  /** The name of the setting that the limit comes from. */
  readonly setting: string;
  /** RFC 9110's status for it. */
  readonly status: 400 | 408 | 413 | 414 | 429 | 431 | 503;
  /** When it is worth trying again, in milliseconds; absent where the same request would fail again. */
  readonly retryAfterMs?: number;
}

const codes: Readonly<Record<Passed["status"], Code>> = {
  400: Code.InvalidArgument,
  408: Code.DeadlineExceeded,
  413: Code.ResourceExhausted,
  414: Code.InvalidArgument,
  429: Code.ResourceExhausted,
  431: Code.ResourceExhausted,
  503: Code.Unavailable,
};

/** LIMIT_EXCEEDED: names the limit, and the setting that raises it. */
export function limitError({ field, problem, setting, status, retryAfterMs }: Passed): ConnectError {
  const error = withoutStack(() =>
    rpcError(codes[status], "LIMIT_EXCEEDED", `${field}: ${problem} (${setting})`, {
      metadata: { limit: field, setting },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }),
  );
  error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field, description: problem }] } });
  return error;
}

/** As {@link limitError}, with HTTP's status for it. */
export function limitHttpError(passed: Passed, headers: Readonly<Record<string, string>> = {}): HttpError {
  const error = limitError(passed);
  return withoutStack(() => new HttpError(passed.status, error, headers));
}

/** The body, or one message of it, is too large. */
export function bodyTooLarge(maxBytes: number, what: "body" | "message" = "body"): Passed {
  return {
    field: what,
    problem: `is larger than ${maxBytes} bytes, which is the most, decompressed`,
    setting: "MAX_BODY_BYTES",
    status: 413,
  };
}
