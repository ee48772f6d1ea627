import { fromBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { FetchUnreadResponseSchema, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { storeRecord, storeRecords } from "@apispool/kafka-log/testing/store-record.js";
import { encodeRecords, encodeResponse, encodeRest } from "./encode-response.js";
import { plainResponse } from "./testing/plain-response.js";
import { headersWith, ingested } from "./testing/records.js";
import type { Chunk, Run } from "./unread.js";

type Unplaced = Omit<LogRecord, "offset">;

const text = fc.string({ unit: "grapheme", maxLength: 300 }).map((t) => Buffer.from(t));
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const when = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
const anyText = fc.oneof(text, bytes, fc.constant(null));
const time = fc
  .oneof(
    when.map((ms) => new Date(ms).toISOString()),
    when.map((ms) => new Date(ms).toISOString().replace(/\.\d{3}/, "")),
    fc.constantFrom(
      "",
      "0000-01-01T00:00:00Z",
      "2024-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "2026-02-30T00:00:00.000Z",
      "2026-04-31T00:00:00Z",
      "2026-00-10T00:00:00Z",
      "2026-13-10T00:00:00Z",
      "2026-11-24T24:00:00Z",
      "2026-11-24T12:60:00Z",
      "2026-11-24T12:00:60Z",
      "2026-11-24T12:00:00.00xZ",
      "2026-11-24T12:00:00,000Z",
      "2026-11-24T12:00:00+02:00",
      "2026-11-24 12:00:00Z",
      "2026-11-24",
      "yesterday",
    ),
  )
  .map((t) => Buffer.from(t));
const json = fc.json().map((t) => Buffer.from(t));
/** Text in which a byte is another one, or is not there: mostly no text any more, and sometimes only just. */
const damaged = fc
  .tuple(fc.string({ unit: "binary", minLength: 1, maxLength: 100 }), fc.nat(), fc.option(fc.nat(255)))
  .map(([t, place, byte]) => {
    const whole = Buffer.from(t);
    const at = place % whole.length;
    return Buffer.concat([whole.subarray(0, at), Buffer.from(byte === null ? [] : [byte]), whole.subarray(at + 1)]);
  });

const foreign: fc.Arbitrary<Unplaced> = fc.record({
  timestampMs: when,
  key: fc.oneof(text, bytes, fc.constant(null)),
  value: fc.oneof(json, bytes, fc.constant(null)),
  headers: fc.uniqueArray(
    fc.tuple(fc.constantFrom("ce_id", "ce_source", "ce_type", "content-type", "x-note", "é", ""), anyText),
    { selector: ([name]) => name, maxLength: 6 },
  ),
});
const usual: fc.Arbitrary<Unplaced> = fc.record({
  timestampMs: when,
  key: text,
  value: json,
  headers: fc
    .record({ ce_id: text, ce_source: text, ce_type: text, ce_time: time }, { requiredKeys: [] })
    .map(headersWith),
});
/** As the ingestor writes them, but for one thing or some. */
const odd: fc.Arbitrary<Unplaced> = fc
  .record({
    plain: usual,
    value: fc.oneof(json, damaged, bytes, text, fc.constant(null), fc.constant(Buffer.alloc(0))),
    headers: fc.record(
      {
        ce_id: fc.oneof(anyText, damaged),
        ce_time: fc.oneof(time, anyText),
        "content-type": fc.oneof(fc.constant(Buffer.from("application/xml")), anyText),
        "apispool-hash": fc.oneof(text, fc.constant(null)),
        "x-note": fc.oneof(anyText, damaged),
        "ein-längerer-Name": anyText,
        "": anyText,
      },
      { requiredKeys: [] },
    ),
    without: fc.subarray(["ce_id", "ce_time", "content-type", "apispool-hash", "apispool-seq"], { maxLength: 1 }),
  })
  .map(({ plain, value, headers, without }) => ({
    ...plain,
    value,
    headers: headersWith({ ...headers, ...Object.fromEntries(without.map((name) => [name, undefined])) }),
  }));
const record = fc.oneof({ weight: 3, arbitrary: usual }, odd, foreign);

const chunk: fc.Arbitrary<Chunk> = fc.record({
  runs: fc.array(
    fc.record({
      source: fc.oneof(
        fc.constantFrom("quakes", "ein-längerer.Name", "s", ""),
        fc.constantFrom(127, 128, 255, 256, 257, 300).map((length) => "x".repeat(length)),
      ),
      partition: fc.constantFrom(0, 1, 127, 128, 20_000, 2 ** 31 - 1),
      records: fc
        .tuple(
          fc.constantFrom(0, 1, 126, 16_382, 2 ** 31 - 2, 2 ** 32 + 1, 2 ** 52 - 3, 2 ** 53 - 1000),
          fc.array(record, { maxLength: 8 }),
          fc.boolean(),
        )
        .map(([from, list, together]) => {
          const placed = list.map((r, i) => ({ ...r, offset: from + i }));
          return together ? storeRecords(placed) : placed.map(storeRecord);
        }),
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

function expectPlain(some: Chunk): void {
  const { bytes: got, cursor } = encodeResponse("me", some);
  const plain = plainResponse(some, cursor);
  if (Buffer.compare(got, plain) === 0) return;
  const shown = (message: Uint8Array) =>
    toJson(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, message));
  expect(shown(got)).toEqual(shown(plain));
  expect(got).toEqual(Buffer.from(plain));
}

function chunkOf(records: readonly LogRecord[]): Chunk {
  const runs: Run[] = [{ source: "s", partition: 0, records: storeRecords(records) }];
  return { runs, gaps: [], places: [], complete: true };
}

describe("a response in its wire form", () => {
  it("is byte for byte what protobuf-es makes of the same records", () => {
    fc.assert(fc.property(chunk, expectPlain), { numRuns: 1500 });
  });

  it("is the records of its runs, and the rest behind them", () => {
    fc.assert(
      fc.property(chunk, (some) => {
        const { bytes: rest } = encodeRest("me", some);
        const parts = some.runs.map((run) => encodeRecords([run]));
        expect(Buffer.concat([...parts, rest])).toEqual(encodeResponse("me", some).bytes);
      }),
    );
  });

  it("takes text for text exactly where it is UTF-8", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(damaged, bytes), { maxLength: 20 }), (values) => {
        expectPlain(chunkOf(values.map((value, offset) => ingested(offset, { value }))));
      }),
      { numRuns: 500 },
    );
  });

  // Around where a length takes another byte, and where the kernel's memory ends.
  it.each([0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 15_900, 16_383, 16_384, 40_000, 65_000, 65_536, 131_072, 3_000_000])(
    "holds values of about %i bytes",
    (length) => {
      const lengths = Array.from({ length: 9 }, (_, i) => Math.max(0, length + 64 * (i - 4)));
      const values = [...lengths, ...Array.from({ length: 40 }, (_, i) => Math.max(0, length + i - 20))];
      const wanted = length > 100_000 ? values.slice(0, 4) : values;
      expectPlain(chunkOf(wanted.map((n, offset) => ingested(offset, { value: Buffer.from(`"${"x".repeat(n)}"`) }))));
      expectPlain(
        chunkOf(wanted.map((n, offset) => ingested(offset, { headers: headersWith({ big: Buffer.alloc(n, "y") }) }))),
      );
      expectPlain(
        chunkOf(
          wanted.map((n, offset) =>
            ingested(offset, { key: Buffer.alloc(n, "k"), headers: headersWith({ ce_id: undefined }) }),
          ),
        ),
      );
    },
  );

  it("holds small records, however short they are", () => {
    for (let length = 0; length < 140; length += 1) {
      const headers = [
        ["content-type", Buffer.from("application/json")],
        ["apispool-hash", Buffer.from("f00")],
      ] as const;
      expectPlain(chunkOf([{ offset: 0, timestampMs: 0, key: null, value: Buffer.alloc(length, "1"), headers }]));
    }
  });

  it.each([1023, 1024, 1025, 3000])("holds %i records at once", (count) => {
    expectPlain(chunkOf(Array.from({ length: count }, (_, offset) => ingested(offset))));
  });

  it.each([0, 55, 56, 57, 63, 64, 65, 500])("holds %i headers beside the usual ones", (count) => {
    const more = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, Buffer.from(`value ${i}`)]));
    expectPlain(chunkOf([ingested(0), ingested(1, { headers: headersWith(more) }), ingested(2)]));
  });

  it("shows a header's name that is no text as well as it can", () => {
    const run = {
      source: "s",
      partition: 0,
      records: storeRecords([ingested(0, { headers: headersWith({ né: null }) })]),
    };
    const [only] = run.records;
    only?.bytes.set([0xff], only.bytes.indexOf("né") + 1);
    const message = encodeResponse("me", { runs: [run], gaps: [], places: [], complete: true });
    const [shown] = fromBinary(FetchUnreadResponseSchema, message.bytes).records;
    expect(Object.keys(shown?.headers ?? {})).toContain("n\ufffd\ufffd");
  });

  it("tells the event time, and leaves Apispool's own bookkeeping out", () => {
    const { bytes: message } = encodeResponse(
      "me",
      chunkOf([
        ingested(5, {
          value: Buffer.from('{"n":123456789012345678901234567890}'),
          headers: [
            ["ce_id", Buffer.from("a")],
            ["ce_time", Buffer.from("1969-12-31T23:59:59.999Z")],
            ["content-type", Buffer.from("application/json")],
            ["apispool-seq", Buffer.from("7")],
            ["apispool-hash", Buffer.from("f00")],
          ],
        }),
      ]),
    );
    const [only] = fromBinary(FetchUnreadResponseSchema, message).records;
    expect(only?.eventTime).toMatchObject({ seconds: -1n, nanos: 999_000_000 });
    expect(Object.keys(only?.headers ?? {})).toEqual(["ce_id", "ce_time", "content-type"]);
    expect(only?.payload).toEqual({ case: "json", value: '{"n":123456789012345678901234567890}' });
  });

  it("leaves out a time that is none, or that no Timestamp can say", () => {
    const headers = (time: string): LogRecord["headers"] => [
      ["ce_id", Buffer.from("a")],
      ["ce_time", Buffer.from(time)],
      ["content-type", Buffer.from("application/json")],
      ["apispool-hash", Buffer.from("f00")],
    ];
    const times = [-1, 1_700_000_000_000_000, 9e18, 253_402_300_800_000].flatMap((timestampMs, i) =>
      ["+055840-01-01T00:00:00Z", "0000-12-31T23:59:59Z"].map((time, j) =>
        ingested(2 * i + j, { timestampMs, headers: headers(time) }),
      ),
    );
    const { bytes: message } = encodeResponse("me", chunkOf(times));
    const { records } = fromBinary(FetchUnreadResponseSchema, message);
    expect(records).toHaveLength(8);
    for (const { ingestedAt, eventTime } of records) expect([ingestedAt, eventTime]).toEqual([undefined, undefined]);
    expect(() => toJson(FetchUnreadResponseSchema, fromBinary(FetchUnreadResponseSchema, message))).not.toThrow();
  });

  it("does not take what others call JSON for JSON when it is none: it would break the answers it is put into", () => {
    const headers: LogRecord["headers"] = [["content-type", Buffer.from("application/json")]];
    const some = ['{"a":', "{}"].map((value, offset) => ingested(offset, { value: Buffer.from(value), headers }));
    const { bytes: message } = encodeResponse("me", chunkOf(some));
    expect(fromBinary(FetchUnreadResponseSchema, message).records.map((r) => r.payload.case)).toEqual([
      "binary",
      "json",
    ]);
  });
});
