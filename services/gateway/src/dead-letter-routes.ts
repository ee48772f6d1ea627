import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetter } from "@apispool/contracts/apispool/v1/dead_letter_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { countJson } from "./data-text.js";
import type { JsonOptions } from "./json-routes.js";
import { type Routes, answerJson } from "./router.js";
import { fromUpstream, renameFields } from "./upstream-error.js";

/** How long an answer may take, in milliseconds. */
const timeoutMs = 30_000;

const names = ["source", "limit", "max_raw_bytes"] as const;

/** What could not become a record, the newest first. */
export function deadLetterRoutes({ upstreams: { reader } }: JsonOptions): Routes {
  return {
    "/worker/dead-letters": {
      async GET(exchange, { query }) {
        const request = requestOf(query);
        const { signal, requestId } = exchange;
        try {
          const call = { signal, headers: { "x-request-id": requestId }, timeoutMs };
          const { deadLetters, more } = await reader.client.listDeadLetters(request, call);
          await answerJson(exchange, { deadLetters: deadLetters.map(deadLetterJson), more });
        } catch (error) {
          throw renameFields(fromUpstream(error, reader, signal), (field) => (field === "sources" ? "source" : field));
        }
      },
    },
  };
}

function deadLetterJson(letter: DeadLetter) {
  const text = asText(letter.raw);
  return {
    source: letter.source,
    partition: letter.partition,
    offset: countJson(letter.offset),
    writtenAt: letter.writtenAt === undefined ? null : timestampDate(letter.writtenAt).toISOString(),
    reason: letter.reason,
    place: letter.place,
    // One of the two is null.
    raw: text ?? null,
    rawBase64: text === undefined ? Buffer.from(letter.raw).toString("base64") : null,
    fullBytes: countJson(letter.fullBytes),
  };
}

/** Undefined where the bytes are no UTF-8; a character that was cut at the end is left out. */
function asText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/** Throws INVALID_ARGUMENT that names everything that is wrong; how much is allowed the reader knows. */
function requestOf(query: URLSearchParams): { sources: string[]; limit: number; maxRawBytes: number } {
  const problems: FieldProblem[] = [];
  for (const name of new Set(query.keys())) {
    if (!(names as readonly string[]).includes(name)) {
      problems.push({ field: name, problem: `is unknown; known are ${names.join(", ")}` });
    } else if (name !== "source" && query.getAll(name).length > 1) {
      problems.push({ field: name, problem: "is given more than once; only source may be repeated" });
    }
  }
  const number = (name: string): number => {
    const text = query.get(name);
    if (text === null) return 0;
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    problems.push({ field: name, problem: `is ${JSON.stringify(text)}; it must be a whole number from 1 on` });
    return 0;
  };
  const request = { sources: query.getAll("source"), limit: number("limit"), maxRawBytes: number("max_raw_bytes") };
  if (problems.length > 0) throw invalidArgument(problems);
  return request;
}
