import { type MessageInitShape, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { FetchUnreadResponseSchema, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { Batch } from "./batch.js";
import { contentOf, enveloped } from "./envelope.js";
import { RecordSplicer } from "./record-splicer.js";
import { oneLine, recordText } from "./record-text.js";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 100 }),
  fc.constantFrom("", '"', "\\", "a\u0000b", "\u001f", "\u007f", "\u2028", "line\nbreak", "é", "😀"),
);
const name = fc.oneof(
  text,
  fc.constantFrom("ce_id", "ce_source", "content-type", "1", "10", "2x", "__proto__", "a", "b"),
);
const time = fc.option(
  fc.record({
    seconds: fc.oneof(
      fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
      fc.constantFrom(0n, -1n, 86_399n, 86_400n, 1_700_000_000n, 253_402_300_799n),
    ),
    nanos: fc.oneof(fc.nat(999_999_999), fc.constantFrom(0, 999_999, 1_000_000, 123_000_000)),
  }),
  { nil: undefined },
);
const json = fc
  .tuple(fc.jsonValue(), fc.constantFrom(undefined, 2, "\r\n", "\r"))
  .map(([value, space]) => JSON.stringify(value, undefined, space));
const record = fc.record({
  source: text,
  id: text,
  partition: fc.oneof(fc.nat(200), fc.constantFrom(-1, 2 ** 31 - 1)),
  offset: fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 53n }),
    fc.constantFrom(0n, -1n, 999_999_999n, 1_000_000_000n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 63n - 1n),
  ),
  ingestedAt: time,
  eventTime: time,
  headers: fc.array(fc.tuple(name, text), { maxLength: 8 }).map((entries) => Object.fromEntries(entries)),
  payload: fc.oneof(
    json.map((value) => ({ case: "json" as const, value })),
    fc.uint8Array({ maxLength: 200 }).map((value) => ({ case: "binary" as const, value })),
    fc.constant({ case: undefined }),
  ),
});
const message = fc.record({
  records: fc.array(record, { maxLength: 6 }),
  cursor: text,
  complete: fc.boolean(),
  gaps: fc.array(
    fc.constant({ source: "s", fromOffset: 1n, toOffset: 4n, reason: GapReason.EXPIRED, detail: "gone" }),
    { maxLength: 1 },
  ),
});

const wire = (init: MessageInitShape<typeof FetchUnreadResponseSchema>): Buffer =>
  Buffer.from(toBinary(FetchUnreadResponseSchema, create(FetchUnreadResponseSchema, init)));

const plainly = (bytes: Buffer): string[] => fromBinary(FetchUnreadResponseSchema, bytes).records.map(recordText);

describe("records as JSON straight from the wire format", () => {
  it("are byte for byte what recordText makes of them", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 3 }), (messages) => {
        const bytes = messages.map(wire);
        const lines = new RecordSplicer("lines");
        const list = new RecordSplicer("list");
        const all = bytes.flatMap(plainly);
        expect(bytes.map((one) => lines.batch(new Batch(enveloped(one)), "").toString()).join("")).toBe(
          all.map((line) => `${oneLine(line)}\n`).join(""),
        );
        expect(bytes.map((one) => list.batch(new Batch(enveloped(one)), "é").toString()).join("")).toBe(
          bytes
            .map(
              (one, i) =>
                `é${i > 0 && plainly(one).length > 0 && before(bytes, i) ? ",\n" : ""}${plainly(one).join(",\n")}`,
            )
            .join(""),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it("are read as the contract has it where fields come in another order, twice, or are unknown", () => {
    const field = (tag: number, ...content: number[]): number[] => [tag, content.length, ...content];
    const letters = (letter: string): number[] => [...Buffer.from(letter)];
    const entry = (key: string, value: string): number[] =>
      field(0x3a, ...field(0x0a, ...letters(key)), ...field(0x12, ...letters(value)));
    const part = fc.constantFrom(
      field(0x0a, ...letters("source")),
      field(0x12, ...letters("id")),
      [0x18, 7],
      [0x20, 9],
      field(0x2a, 0x08, 5),
      field(0x2a, 0x10, 6),
      field(0x32, 0x10, 6, 0x08, 7),
      field(0x32, 0x18, 6),
      entry("a", "1"),
      entry("a", "2"),
      entry("b", ""),
      field(0x3a),
      field(0x3a, ...field(0x12, ...letters("only a value"))),
      field(0x42, ...letters("{}")),
      field(0x4a, 1, 2, 3),
      field(0x62, ...letters("unknown")),
      [0x68, 1],
    );
    fc.assert(
      fc.property(fc.array(fc.array(part, { maxLength: 8 }), { maxLength: 3 }), (records) => {
        const bytes = Buffer.from(records.flatMap((parts) => field(0x0a, ...parts.flat())));
        const lines = new RecordSplicer("lines").batch(new Batch(enveloped(bytes)), "").toString();
        expect(lines).toBe(
          plainly(bytes)
            .map((line) => `${line}\n`)
            .join(""),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

/** Whether any record stood in the messages before. */
function before(bytes: readonly Buffer[], i: number): boolean {
  return bytes.slice(0, i).some((one) => plainly(one).length > 0);
}

describe("a batch", () => {
  it("says what its message says, in whatever order its parts come, and gives the same message on", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 2 }), (messages) => {
        // Two messages one behind the other are one message, put together: not in the order that an encoder has.
        const bytes = Buffer.concat(messages.map(wire));
        const plain = fromBinary(FetchUnreadResponseSchema, bytes);
        const batch = new Batch(enveloped(bytes));
        const { cursor, complete, gaps } = batch;
        expect({ cursor, complete, gaps }).toEqual({
          cursor: plain.cursor,
          complete: plain.complete,
          gaps: plain.gaps,
        });
        expect(batch.empty).toBe(plain.records.length === 0 && plain.gaps.length === 0);
        expect(batch.decoded()).toEqual(plain);
        expect(fromBinary(FetchUnreadResponseSchema, contentOf(batch.envelope))).toEqual(plain);
        if (messages.length === 1) expect(contentOf(batch.envelope).equals(bytes)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("is not made of anything else", () => {
    expect(() => new Batch(enveloped(Buffer.from([0x0a, 50, 1])))).toThrow();
    expect(() => new Batch(enveloped(Buffer.from("no message")))).toThrow();
  });
});
