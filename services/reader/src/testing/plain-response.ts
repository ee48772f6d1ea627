import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Chunk } from "../unread.js";

/** A response the plain way, as the contract says it: an object for each record, encoded by protobuf-es. */
export function plainResponse({ runs, gaps, complete }: Chunk, cursor: string): Uint8Array {
  const records = runs.flatMap(({ source, partition, records: list }) =>
    list.map(({ offset, timestampMs, key, value, headers }) => {
      const map = new Map(headers);
      const id = readable(map.get("ce_id"));
      const time = Date.parse(readable(map.get("ce_time")) ?? "");
      const json = readable(value);
      const isOurs = map.has("apispool-hash") && readable(map.get("content-type")) === "application/json";
      const isJson = json !== undefined && (isOurs || parses(json));
      const shown = headers.filter(([name]) => !name.startsWith("apispool-"));
      return {
        source,
        id: id ?? (key === null ? "" : legible(key)),
        partition,
        offset: BigInt(offset),
        ...(timestampMs !== -1 && sayable(timestampMs) ? { ingestedAt: timestampFromMs(timestampMs) } : {}),
        ...(sayable(time) ? { eventTime: timestampFromMs(time) } : {}),
        headers: Object.fromEntries(shown.map(([name, bytes]) => [name, legible(bytes ?? Buffer.alloc(0))])),
        ...(value === null
          ? {}
          : { payload: isJson ? ({ case: "json", value: json } as const) : ({ case: "binary", value } as const) }),
      };
    }),
  );
  return toBinary(
    FetchUnreadResponseSchema,
    create(FetchUnreadResponseSchema, {
      records,
      cursor,
      complete,
      gaps: gaps.map((gap) => ({ ...gap, fromOffset: BigInt(gap.fromOffset), toOffset: BigInt(gap.toOffset) })),
    }),
  );
}

/** The years 1 to 9999; NaN is none of them. */
function sayable(ms: number): boolean {
  return ms >= Date.parse("0001-01-01T00:00:00Z") && ms < Date.parse("+010000-01-01T00:00:00Z");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readable(bytes: Uint8Array | null | undefined): string | undefined {
  try {
    return bytes === null || bytes === undefined ? undefined : utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function legible(bytes: Uint8Array): string {
  return readable(bytes) ?? Buffer.from(bytes).toString("base64");
}

function parses(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
