import { describe, expect, it } from "@jest/globals";
import jmespath from "@jmespath-community/jmespath";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import type { FetchedPartition, LogRecord } from "@apispool/kafka-log/log-reader.js";
import { storeRecord } from "@apispool/kafka-log/testing/store-record.js";
import { filterOf } from "./record-filter.js";

interface Asked {
  readonly keys?: string[];
  readonly headers?: Record<string, string>;
  readonly where?: string;
}

const noSignal = new AbortController().signal;

function problemsOf({ keys = [], headers = {}, where = "" }: Asked): string[] {
  const problems: string[] = [];
  filterOf({ keys, headers, where }, (field, problem) => problems.push(`${field} ${problem}`));
  return problems;
}

function fetchedOf(records: readonly LogRecord[]): FetchedPartition {
  const common = { lastStableOffset: 99, highWatermark: 99, logStartOffset: 0, unreadable: [], nextOffset: 99 };
  return { topic: "t", partition: 3, records: records.map(storeRecord), ...common };
}

async function offsets(asked: Asked, records: readonly LogRecord[]): Promise<number[]> {
  const { keys = [], headers = {}, where = "" } = asked;
  const filter = filterOf({ keys, headers, where }, (field, problem) => {
    throw new Error(`${field} ${problem}`);
  });
  if (filter === undefined) throw new Error("no filter");
  const [answer] = await filter.apply([fetchedOf(records)], noSignal);
  expect(answer).toMatchObject({ nextOffset: 99, partition: 3 });
  return (answer?.records ?? []).map(({ offset }) => offset);
}

const small = fc.constantFrom("", "a", "b", "é", "aa");
const bytes = fc.oneof(
  small.map((text) => Buffer.from(text)),
  fc.constant(null),
  fc.constantFrom(Buffer.from([0xff]), Buffer.from([0xc3])),
);
const value = fc.oneof(
  fc.record({ n: fc.integer({ min: 0, max: 9 }), s: small }).map((object) => Buffer.from(JSON.stringify(object))),
  fc.constantFrom(Buffer.from("[]"), Buffer.from("{"), Buffer.from([0xff, 0]), null),
);
const record: fc.Arbitrary<Omit<LogRecord, "offset">> = fc.record({
  timestampMs: fc.constant(1),
  key: bytes,
  value,
  headers: fc.array(fc.tuple(fc.constantFrom("h", "hh", "é"), bytes), { maxLength: 4 }),
});
const asked = fc.record(
  {
    keys: fc.array(fc.constantFrom("a", "b", "é", "zz"), { maxLength: 3 }),
    headers: fc.dictionary(fc.constantFrom("h", "hh", "é", "none"), small, { maxKeys: 2, noNullPrototype: true }),
    where: fc.constantFrom("", "n > `4`", "s == 'é'", "n < `9` && s"),
  },
  { requiredKeys: ["where"] },
);

/** The same, said as plainly as can be. */
function plainly({ keys = [], headers = {}, where }: Asked, record: LogRecord): boolean {
  const equal = (a: Buffer | null, b: string): boolean => a !== null && a.equals(Buffer.from(b));
  if (keys.length > 0 && !keys.some((key) => equal(record.key, key))) return false;
  for (const [name, wanted] of Object.entries(headers)) {
    if (!record.headers.some(([n, v]) => n === name && equal(v ?? Buffer.alloc(0), wanted))) return false;
  }
  if (where === undefined || where === "") return true;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(record.value ?? Buffer.from("{"));
    const result = jmespath.search(JSON.parse(text), where);
    return result !== null && result !== false && result !== "";
  } catch {
    return false;
  }
}

describe("a filter of records", () => {
  it("lets through what a plain reading of the contract lets through", async () => {
    await fc.assert(
      fc.asyncProperty(asked, fc.array(record, { maxLength: 20 }), async (wanted, list) => {
        const records = list.map((one, offset) => ({ ...one, offset }));
        fc.pre(wanted.where !== "" || (wanted.keys ?? []).length > 0 || Object.keys(wanted.headers ?? {}).length > 0);
        expect(await offsets(wanted, records)).toEqual(
          records.filter((one) => plainly(wanted, one)).map(({ offset }) => offset),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("is none where nothing is asked for, and says all that is wrong at once", () => {
    expect(filterOf({ keys: [], headers: {}, where: "" }, () => undefined)).toBeUndefined();
    expect(problemsOf({ keys: ["a", ""], headers: { "": "x" }, where: "a..b" })).toEqual([
      "keys[1] is empty; name a key, or leave the list empty for all",
      "headers has an empty name; name a header",
      expect.stringMatching(/^where is no JMESPath: wrong at character 3/),
    ]);
    expect(problemsOf({ keys: Array.from({ length: 1001 }, (_, i) => `${i}`) })).toEqual([
      "keys are 1001; there may be 1000 at most",
    ]);
  });

  it("lets others have their turn while it looks at much, and ends when told", async () => {
    const record: LogRecord = { offset: 0, timestampMs: 1, key: null, value: Buffer.from('{"n":1}'), headers: [] };
    const many = [fetchedOf(Array.from({ length: 200_000 }, () => record))];
    const filter = filterOf({ keys: [], headers: {}, where: "n > `1`" }, () => undefined);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await filter?.apply(many, noSignal);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
    const gone = new AbortController();
    setTimeout(() => gone.abort(new Error("gone")), 1);
    await expect(filter?.apply(many, gone.signal)).rejects.toThrow("gone");
  });

  it("breaks off a condition that would keep everybody waiting, and says where", async () => {
    const list = JSON.stringify(Array.from({ length: 3000 }, (_, i) => i));
    const slow = "map(&$[].[$[].[$[]]], @)";
    const record: LogRecord = { offset: 17, timestampMs: 1, key: null, value: Buffer.from(list), headers: [] };
    const error = await offsets({ where: slow }, [record]).then(
      () => undefined,
      (failure: unknown) => ConnectError.from(failure),
    );
    expect([error?.code, error?.rawMessage]).toEqual([
      Code.InvalidArgument,
      expect.stringMatching(/where: takes more than 1000 ms to evaluate at offset 17 of t\/3/),
    ]);
  });
});
