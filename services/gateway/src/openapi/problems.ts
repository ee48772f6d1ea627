import Type from "typebox";
import { reasons } from "@apispool/common/errors.js";
import { codeNames } from "../problem.js";
import { anyText, listOf, named, oneOf, whole } from "./schema.js";

/** The statuses that an error may have, and what each means whatever was asked. */
export const problemStatuses = {
  400: {
    name: "BadRequest",
    description: "Something in the request is wrong; `errors` names each field and what is allowed.",
  },
  401: { name: "Unauthenticated", description: "The gateway wants to know who asks, and was not told, or not truly." },
  403: { name: "Forbidden", description: "Whoever asks may not do this." },
  404: { name: "NotFound", description: "There is no such source, reader, record or path." },
  405: {
    name: "MethodNotAllowed",
    description: "The path does not know the method; `Allow` lists those that it knows.",
  },
  406: { name: "NotAcceptable", description: "`Accept` or `Accept-Encoding` takes nothing that can be had." },
  409: { name: "Conflict", description: "Somebody else is at it: another fetch holds the reader." },
  413: { name: "ContentTooLarge", description: "The body is larger than the gateway takes (`MAX_BODY_BYTES`)." },
  415: { name: "UnsupportedMediaType", description: "The body is not `application/json` in UTF-8, sent as it is." },
  429: { name: "TooManyRequests", description: "Too much at a time; `Retry-After` says when to come back." },
  431: {
    name: "RequestHeaderFieldsTooLarge",
    description: "The path, its query and the headers are longer than the gateway takes; POST has room in its body.",
  },
  500: { name: "InternalError", description: "A defect; the log line with the same request id tells more." },
  501: { name: "NotImplemented", description: "It is not switched on; `detail` says how it is." },
  503: { name: "Unavailable", description: "Kafka or a service is away, or stops; nothing was lost or skipped." },
  504: { name: "Timeout", description: "It took too long." },
} as const;
export type ProblemStatus = keyof typeof problemStatuses;

/** What may happen to a request whatever its path is. */
export const commonProblems: readonly ProblemStatus[] = [401, 403, 405, 406, 429, 431, 500, 503];

/** What happens to requests that services behind the gateway answer. */
export const upstreamProblems: readonly ProblemStatus[] = [400, 504];

/** Those that are worth another try say when. */
export const retriable: readonly ProblemStatus[] = [409, 429, 503];

/** RFC 9457. */
export const problem = named(
  "Problem",
  Type.Object(
    {
      type: anyText({ description: "`urn:apispool:error:` and the reason." }),
      title: anyText({ description: "The kind of error in words." }),
      status: whole(400, 599, { description: "The HTTP status." }),
      detail: anyText({ description: "What was wrong and what is allowed, for a person." }),
      code: oneOf(codeNames, { description: "The Connect code." }),
      reason: Type.Optional(oneOf(reasons, { description: "The stable reason; docs/errors.md lists them." })),
      errors: Type.Optional(
        listOf(
          Type.Object({
            field: anyText({ description: "As it was written in the request: `sources[2]`." }),
            problem: anyText({ description: "What was wrong and what is allowed." }),
          }),
          { description: "Every field that is wrong; of very many the first." },
        ),
      ),
      requestId: anyText({ description: "The same as the header `x-request-id`; it is in the log, too." }),
    },
    { description: "An error (RFC 9457)." },
  ),
);
