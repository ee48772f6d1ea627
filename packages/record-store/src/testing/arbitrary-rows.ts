import fc from "fast-check";
import type { CountKey, Slice, StoreFilter, StoreOrder, StoreRow } from "../store.js";
import { anyJsonText, anyWhere } from "./arbitrary-where.js";

const sources = ["quakes", "fx-rates", "a.b_c"] as const;
const ids = ["", "a", "b", "é", "'; drop table record; --", '{"$gt":""}', "x\u0000y", "\u{1f600}"] as const;
const day = 86_400_000;
/** Few, so that times are equal; around the beginnings of days and months, and before 1970. */
const times = [
  -1,
  0,
  1,
  day - 1,
  day,
  31 * day - 1,
  31 * day,
  1_700_000_000_000,
  1_700_000_000_001,
  1_700_003_600_000,
  1_709_251_200_000,
];

const anyTime = fc.constantFrom(...times);
/** JSON that one database or another cannot take apart, and what is none. */
const oddValues = [
  `${"[".repeat(200)}1${"]".repeat(200)}`,
  `{"a":${'{"a":'.repeat(120)}1${"}".repeat(120)}}`,
  '{"a":1e999,"b":1}',
  '{"\\ud800":1,"a":1}',
  '{"a":"\\ud800"}',
  '{"a":1,"a":2}',
  '{"a":"\\u0000"}',
  '{"_bsontype":"ObjectId","a":5}',
  '{"a":{"$date":1},"b":{"$ref":"x","$id":1}}',
  '{"a":',
  "",
  " 5 ",
  "[1]",
  '"a"',
  "\ufeff{}",
] as const;

const anyBytes = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const anyValue = fc.oneof(
  { weight: 8, arbitrary: anyJsonText.map((text) => ({ value: Buffer.from(text), isJson: true })) },
  { weight: 2, arbitrary: fc.constantFrom(...oddValues).map((text) => ({ value: Buffer.from(text), isJson: true })) },
  { weight: 1, arbitrary: anyBytes.map((value) => ({ value, isJson: false })) },
  { weight: 1, arbitrary: fc.boolean().map((isJson) => ({ value: null, isJson })) },
);

const anyRow = fc
  .tuple(
    fc.record({
      source: fc.constantFrom(...sources),
      partition: fc.constantFrom(0, 1, 10),
      id: fc.constantFrom(...ids),
      ingestedMs: anyTime,
      eventMs: fc.option(anyTime, { nil: undefined }),
      key: fc.option(anyBytes, { nil: null }),
      headers: anyBytes,
      headerCount: fc.nat({ max: 3 }),
    }),
    anyValue,
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([row, value, step]) => ({ ...row, ...value, step }));

/** Rows of a few sources, their offsets ascending in each partition, with holes. */
export function anyRows(most: number): fc.Arbitrary<StoreRow[]> {
  return fc.array(anyRow, { minLength: Math.ceil(most / 2), maxLength: most }).map((rows) => {
    const next = new Map<string, number>();
    return rows.map(({ step, ...row }) => {
      const place = `${row.source}/${row.partition}`;
      const offset = (next.get(place) ?? (row.partition === 1 ? 2 ** 40 : 0)) + step;
      next.set(place, offset);
      return { ...row, offset };
    });
  });
}

const anyRange = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ from: anyTime, to: anyTime }, { requiredKeys: [] }) },
);

export const anyFilter: fc.Arbitrary<StoreFilter> = fc.record({
  sources: fc.subarray([...sources, "unknown"], { maxLength: 2 }),
  ids: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.subarray([...ids, "unknown"], { maxLength: 3 }) },
  ),
  event: anyRange,
  ingested: anyRange,
  where: fc.option(anyWhere, { nil: undefined }),
  newestOnly: fc.boolean(),
});

export const anyOrder: fc.Arbitrary<StoreOrder> = fc.record({
  by: fc.constantFrom("ingested", "event"),
  descending: fc.boolean(),
});

export const anySlice: fc.Arbitrary<Slice> = fc.record({
  scan: fc.constantFrom(5, 20, 1000),
  limit: fc.constantFrom(2, 5, 100),
  maxBytes: fc.constantFrom(300, 1_000_000),
});

export const anyCountKey: fc.Arbitrary<CountKey> = fc.record({
  bySource: fc.boolean(),
  bucket: fc.constantFrom(undefined, "minute", "hour", "day", "month"),
  time: fc.constantFrom("ingested", "event"),
});
