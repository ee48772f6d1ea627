import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { FetchUnreadResponseSchema, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { storeRecord } from "@apispool/kafka-log/testing/store-record.js";
import { encodeResponse } from "./encode-response.js";
import type { Chunk } from "./unread.js";

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const when = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
const header = fc.tuple(
  fc.constantFrom("ce_id", "ce_source", "ce_type", "content-type", "x-note", "é", ""),
  fc.oneof(
    text.map((t) => Buffer.from(t)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  ),
);
const record: fc.Arbitrary<Omit<LogRecord, "offset">> = fc.record({
  timestampMs: when,
  key: fc.option(
    text.map((t) => Buffer.from(t)),
    { nil: null },
  ),
  value: fc.oneof(
    fc.json().map((t) => Buffer.from(t)),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  ),
  headers: fc.uniqueArray(header, { selector: ([name]) => name, maxLength: 6 }),
});
const chunk: fc.Arbitrary<Chunk> = fc.record({
  runs: fc.array(
    fc.record({
      source: fc.constantFrom("quakes", "ein-längerer.Name", "s"),
      partition: fc.constantFrom(0, 1, 127, 128, 20_000),
      records: fc
        .tuple(fc.constantFrom(0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 53 - 1000), fc.array(record, { maxLength: 6 }))
        .map(([from, list]) => list.map((r, i) => storeRecord({ ...r, offset: from + i }))),
    }),
    { maxLength: 4 },
  ),
  gaps: fc.constantFrom(
    [],
    [{ source: "quakes", partition: 1, fromOffset: 3, toOffset: 2 ** 40, reason: GapReason.EXPIRED, detail: "gone" }],
  ),
  places: fc.constant([{ source: "quakes", topic: "t", topicId: "ab".repeat(16), partition: 0, offset: 12 }]),
  complete: fc.boolean(),
});

/** The plain way, as the contract says it: an object for each record, encoded by protobuf-es. */
function plainly({ runs, gaps, complete }: Chunk, cursor: string): Uint8Array {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const readable = (bytes: Uint8Array): string | undefined => {
    try {
      return utf8.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const shown = (bytes: Uint8Array): string => readable(bytes) ?? Buffer.from(bytes).toString("base64");
  const records = runs.flatMap(({ source, partition, records: list }) =>
    list.map(({ offset, timestampMs, key, value, headers }) => {
      const map = new Map(headers);
      const id = map.get("ce_id");
      const idText = id === undefined || id === null ? undefined : readable(id);
      const json = value === null ? undefined : readable(value);
      const isJson = json !== undefined && parses(json);
      return {
        source,
        id: idText ?? (key === null ? "" : shown(key)),
        partition,
        offset: BigInt(offset),
        ...(timestampMs === -1 ? {} : { ingestedAt: timestampFromMs(timestampMs) }),
        headers: Object.fromEntries(headers.map(([name, bytes]) => [name, shown(bytes ?? Buffer.alloc(0))])),
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

function parses(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

describe("a response in its wire form", () => {
  it("is byte for byte what protobuf-es makes of the same records", () => {
    fc.assert(
      fc.property(chunk, (some) => {
        const { bytes, cursor } = encodeResponse("me", some);
        const plain = plainly(some, cursor);
        expect(toJson(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, bytes))).toEqual(
          toJson(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, plain)),
        );
        expect(Buffer.compare(bytes, plain)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("tells the event time, and leaves Apispool's own bookkeeping out", () => {
    const headers: LogRecord["headers"] = [
      ["ce_id", Buffer.from("a")],
      ["ce_time", Buffer.from("1969-12-31T23:59:59.999Z")],
      ["content-type", Buffer.from("application/json")],
      ["apispool-seq", Buffer.from("7")],
      ["apispool-hash", Buffer.from("f00")],
    ];
    const value = Buffer.from('{"n":123456789012345678901234567890}');
    const run = {
      source: "s",
      partition: 0,
      records: [storeRecord({ offset: 5, timestampMs: 1, key: null, value, headers })],
    };
    const { bytes } = encodeResponse("me", { runs: [run], gaps: [], places: [], complete: true });
    const [only] = fromBinary(FetchUnreadResponseSchema, bytes).records;
    expect(only?.eventTime).toMatchObject({ seconds: -1n, nanos: 999_000_000 });
    expect(Object.keys(only?.headers ?? {})).toEqual(["ce_id", "ce_time", "content-type"]);
    expect(only?.payload).toEqual({ case: "json", value: value.toString() });
  });

  it("leaves out a time that is none, or that no Timestamp can say", () => {
    const headers: LogRecord["headers"] = [["ce_time", Buffer.from("+055840-01-01T00:00:00Z")]];
    const records = [-1, 1_700_000_000_000_000, 9e18, 253_402_300_800_000].map((timestampMs, offset) =>
      storeRecord({ offset, timestampMs, key: null, value: null, headers }),
    );
    const run = { source: "s", partition: 0, records };
    const { bytes } = encodeResponse("me", { runs: [run], gaps: [], places: [], complete: true });
    const shown = toJson(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, bytes));
    expect(JSON.stringify(shown)).not.toMatch(/ingestedAt|eventTime/);
    expect(fromBinary(FetchUnreadResponseSchema, bytes).records).toHaveLength(4);
  });

  it("does not take what others call JSON for JSON when it is none: it would break the answers it is put into", () => {
    const headers: LogRecord["headers"] = [["content-type", Buffer.from("application/json")]];
    const records = ['{"a":', "{}"].map((value, offset) =>
      storeRecord({ offset, timestampMs: 1, key: null, value: Buffer.from(value), headers }),
    );
    const run = { source: "s", partition: 0, records };
    const { bytes } = encodeResponse("me", { runs: [run], gaps: [], places: [], complete: true });
    expect(fromBinary(FetchUnreadResponseSchema, bytes).records.map((r) => r.payload.case)).toEqual(["binary", "json"]);
  });
});
