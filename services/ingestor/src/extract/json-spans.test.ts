import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { elementSpans, spanAt } from "./json-spans.js";

const texts = (json: string, path: string[] = []): string[] => {
  const bytes = Buffer.from(json);
  const list = spanAt(bytes, path);
  if (list === undefined) throw new Error("nothing there");
  return elementSpans(bytes, list).map(({ start, end }) => bytes.toString("utf8", start, end));
};

describe("the spans of JSON values", () => {
  it("are the elements as JSON.parse sees them, whatever the JSON is and however it is indented", () => {
    const indents = fc.constantFrom<string | number>(0, 1, "\t", "\n \r");
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), indents, fc.string(), (list, indent, name) => {
        const json = JSON.stringify({ "": [0], [`${name}x`]: 1, [name]: list, '\\"]': "}" }, null, indent);
        expect(texts(json, [name]).map((text) => JSON.parse(text) as unknown)).toEqual(
          (JSON.parse(json) as Record<string, unknown[]>)[name],
        );
      }),
    );
  });

  it("keep the bytes: numbers beyond 2^53, escapes, spaces inside, the order of keys", () => {
    const elements = [
      "12345678901234567890",
      '{"b" : 1.10, "a":"\\u00e9\\\\\\"]},"}',
      '"é"',
      "[ ]",
      "-0.0e+7",
      "null",
      "{}",
    ];
    expect(texts(` [ ${elements.join(" ,\n")} ] `)).toEqual(elements);
  });

  it("end where a long string ends, whatever is escaped in it", () => {
    const pieces = fc.constantFrom("\\", '"', "\\\\", '\\"', "a", "lorem ipsum dolor sit amet", "é");
    fc.assert(
      fc.property(fc.array(fc.array(pieces, { maxLength: 40 })), (list) => {
        const strings = list.map((parts) => parts.join(""));
        expect(texts(JSON.stringify(strings))).toEqual(strings.map((text) => JSON.stringify(text)));
      }),
    );
    const unended = Buffer.from(`["${"a".repeat(100)}`);
    expect(() => elementSpans(unended, { start: 0, end: unended.length })).toThrow("ends inside a string");
  });

  it("take the last of two members of the same name, as JSON.parse does, escapes read", () => {
    expect(texts('{"a":[1],"\\u0061":[2],"b":{"a":[3]}}', ["a"])).toEqual(["2"]);
  });

  it("are found inside arrays, and nowhere where there is nothing", () => {
    expect(texts('[0,{"a":[5]}]', ["1", "a"])).toEqual(["5"]);
    for (const path of [["b"], ["a", "b"], ["a", "9"], ["a", "x"]]) {
      expect(spanAt(Buffer.from('{"a":[1]}'), path)).toBeUndefined();
    }
  });

  it("do not need a stack as deep as the JSON", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(texts(`[${deep}]`)).toEqual([deep]);
  });
});
