import { describe, expect, it } from "@jest/globals";
import type { CursorConfig, ExtractConfig } from "../config/source-config.js";
import { expression, path } from "../testing/expressions.js";
import { answer, extractConfig, readAll, type WholePage } from "../testing/pages.js";
import { createExtractor } from "./open-page.js";

const read = async (body: string, changes: Partial<ExtractConfig>, cursor?: CursorConfig): Promise<WholePage> =>
  readAll(await createExtractor(extractConfig(changes), cursor)(answer(body)));

const ids = async (body: string, ...expressions: string[]): Promise<string[]> =>
  (await read(body, { id: expressions.map(path) })).records.map(({ id }) => id);

describe("a record", () => {
  it("has an id of one field or several, which cannot be mixed up, with every digit", async () => {
    expect(await ids('[{"a":"x|y","b":12345678901234567891}]', "a", "b")).toEqual([
      String.raw`x\|y|12345678901234567891`,
    ]);
    expect(await ids(String.raw`[{"a":"x","b":"y|z"},{"a":"x|y","b":"z"},{"a":"x\\","b":"|z"}]`, "a", "b")).toEqual([
      String.raw`x|y\|z`,
      String.raw`x\|y|z`,
      String.raw`x\\|\|z`,
    ]);
    expect(await ids('[{"a":"x|y"}]', "a")).toEqual(["x|y"]);
    expect(await ids('[{"id":12345678901234567890},{"id":12345678901234567891}]', "id")).toEqual([
      "12345678901234567890",
      "12345678901234567891",
    ]);
    expect(await ids("[1,2]", "@")).toEqual(["1", "2"]);
  });

  it("without an id has its content's hash for one", async () => {
    const { records } = await read('[{"a":1},{"a":2},{"a":1}]', {});
    expect(records[0]?.id).toBe(records[0]?.hash);
    expect(records[2]?.id).toBe(records[0]?.id);
    expect(records[1]?.id).not.toBe(records[0]?.id);
  });

  it("has a key of its own where one is found, and a time", async () => {
    const { records } = await read('[{"id":1,"k":"A","t":1700000000},{"id":2,"t":"soon"}]', {
      key: path("k"),
      eventTime: path("t"),
    });
    expect(records.map(({ key, eventTime }) => [key, eventTime])).toEqual([
      ["A", "2023-11-14T22:13:20.000Z"],
      ["2", undefined],
    ]);
  });

  it("is passed over where the filter says false or null, and dead where it cannot be asked", async () => {
    const filter = expression("ok", ({ ok }: { ok?: unknown }) => {
      if (ok === "?") throw new TypeError("ok is no boolean");
      return ok;
    });
    const page = await read('[{"id":1,"ok":true},{"id":2,"ok":false},{"id":3},{"id":4,"ok":null},{"id":5,"ok":"?"}]', {
      filter,
    });
    expect(page.texts).toEqual(['{"id":1,"ok":true}']);
    expect(page.batches[0]).toMatchObject({ filtered: 3, itemsDone: 5 });
    expect(page.deadLetters).toMatchObject([{ place: "index 4", reason: "ok is no boolean" }]);
  });

  it("that is projected keeps its digits, and is no new version where only what was cut away changed", async () => {
    const project = expression("{a: a, n: b.n}", ({ a, b }: { a: unknown; b?: { n: unknown } }) => ({
      a,
      n: b?.n ?? null,
    }));
    const body =
      '[{"id":1,"a":1.10,"b":{"n":9007199254740993},"seen":5},{"id":1,"a":1.10,"b":{"n":9007199254740993},"seen":6}]';
    const { texts, records } = await read(body, { project });
    expect(texts).toEqual(['{"a":1.10,"n":9007199254740993}', '{"a":1.10,"n":9007199254740993}']);
    expect(records.map(({ id }) => id)).toEqual(["1", "1"]);
    expect(records[0]?.hash).toBe(records[1]?.hash);
    const empty = await read('[{"id":1}]', { project: expression("x", () => null) });
    expect(empty.deadLetters[0]?.reason).toBe('the projection "x" makes null of it');
  });

  it("has its cursor's value in the form in which values are compared", async () => {
    const cursor = (type: CursorConfig["type"]): CursorConfig => ({
      field: path("c"),
      type,
      initial: undefined,
      overlap: 0,
      format: "rfc3339",
    });
    const body =
      '[{"c":1700000000123},{"c":"2023-11-14T23:13:20.1239+01:00"},{"c":"12345678901234567890"},{"c":null},{}]';
    const values = async (type: CursorConfig["type"]): Promise<unknown[]> =>
      (await read(body, {}, cursor(type))).records.map((record) => record.cursor);
    expect(await values("time")).toEqual([
      "2023-11-14T22:13:20.123Z",
      "2023-11-14T22:13:20.123Z",
      undefined,
      undefined,
      undefined,
    ]);
    expect(await values("number")).toEqual(["1700000000123", undefined, "12345678901234567890", undefined, undefined]);
    expect(await values("string")).toEqual([
      "1700000000123",
      "2023-11-14T23:13:20.1239+01:00",
      "12345678901234567890",
      undefined,
      undefined,
    ]);
  });
});
