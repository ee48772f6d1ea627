import { describe, expect, it } from "@jest/globals";
import { evaluate } from "./evaluate.js";
import { parseWhere } from "./parse-where.js";

function isTrue(where: string, value: string | null): boolean {
  return evaluate(parseWhere(where), value === null ? null : Buffer.from(value));
}

const quake =
  '{"mag":5.0,"place":null,"tags":["a",["b"],{"c":1}],"big":9007199254740993,"0":"zero","__proto__":{"x":1},"no":false}';

describe("a condition", () => {
  it.each([
    "mag = 5",
    "mag >= 5.0",
    "mag != '5'",
    "mag < 5.1 and mag > 4.9",
    "place = null",
    "exists(place)",
    "not exists(depth)",
    "depth != null",
    "depth != 1",
    "not depth < 1",
    "tags[0] = 'a'",
    "tags[1][0] = 'b'",
    "tags[-1].c = 1",
    "exists(tags[2])",
    "not exists(tags[3])",
    "not exists(tags[-4])",
    "big = 9007199254740992",
    '"0" = "zero"',
    "not exists([0])",
    "not exists(tags.length)",
    'not exists(tags."0")',
    "not exists(toString)",
    "not exists(mag.toFixed)",
    "__proto__.x = 1",
    "no = false",
    "no != null",
    "tags != 'a'",
  ])("%s is true", (where) => {
    expect(isTrue(where, quake)).toBe(true);
  });

  it.each([
    "mag = '5'",
    "place = 'null'",
    "depth = null",
    "depth < 1",
    "depth = 0",
    "tags = 'a'",
    "no = 0",
    "mag = true",
    "not mag = 5",
  ])("%s is false", (where) => {
    expect(isTrue(where, quake)).toBe(false);
  });

  it("orders text by its code points, not by UTF-16", () => {
    expect(isTrue("a > '\u{ffee}'", JSON.stringify({ a: "\u{1f600}" }))).toBe(true);
    expect(isTrue("a < 'b'", '{"a":"a\\u0000"}')).toBe(true);
    expect(isTrue("a > 'Z'", '{"a":"a"}')).toBe(true);
  });

  it("finds nothing in what is not JSON", () => {
    for (const value of [null, "", "{", "NaN", "\ufeff{}"]) {
      expect(isTrue("exists(a)", value)).toBe(false);
      expect(isTrue("a != 1", value)).toBe(true);
    }
    expect(isTrue("a != 1", "1e999")).toBe(true);
    expect(isTrue("a > 1", '{"a":1e999}')).toBe(true);
  });
});
