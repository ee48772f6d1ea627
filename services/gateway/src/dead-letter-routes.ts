import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetter } from "@apispool/contracts/apispool/v1/dead_letter_pb.js";
import { countJson } from "./data-text.js";
import type { JsonOptions } from "./json-routes.js";
import { routesOf, serve } from "./openapi/operation.js";
import { type DeadLetterJson, getDeadLetters } from "./openapi/worker-api.js";
import { type Routes, answerJson } from "./router.js";
import { fromUpstream, renameFields } from "./upstream-error.js";

/** How long an answer may take, in milliseconds. */
const timeoutMs = 30_000;

/** What could not become a record, the newest first. */
export function deadLetterRoutes({ upstreams: { reader } }: JsonOptions): Routes {
  return routesOf(
    serve(getDeadLetters, async (exchange, { query }) => {
      const request = { sources: query.source ?? [], limit: query.limit ?? 0, maxRawBytes: query.max_raw_bytes ?? 0 };
      const { signal, requestId } = exchange;
      try {
        const call = { signal, headers: { "x-request-id": requestId }, timeoutMs };
        const { deadLetters, more } = await reader.client.listDeadLetters(request, call);
        await answerJson(exchange, { deadLetters: deadLetters.map(deadLetterJson), more });
      } catch (error) {
        throw renameFields(fromUpstream(error, reader, signal), (field) => field.replace(/^sources/, "source"));
      }
    }),
  );
}

/** A dead letter as the JSON API gives it. */
export function deadLetterJson(letter: DeadLetter): DeadLetterJson {
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
