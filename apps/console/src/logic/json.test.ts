import { describe, expect, it } from "@jest/globals";
import { mostTokenised, prettyJson } from "./json.js";

const laidOut = (text: string) =>
  prettyJson(text)
    ?.map((token) => token.text)
    .join("");

describe("JSON laid out", () => {
  it("keeps every character of values: long numbers, order, doubled keys, escapes", () => {
    expect(laidOut('{"b":12345678901234567890.10,"a":[1e400,-0.0],"b":"\\u00e9\\"{}"}')).toBe(
      '{\n  "b": 12345678901234567890.10,\n  "a": [\n    1e400,\n    -0.0\n  ],\n  "b": "\\u00e9\\"{}"\n}',
    );
  });

  it("leaves what is empty on its line, and takes any space", () => {
    expect(laidOut(' { "a" : [ ] , "b":{ }\n} ')).toBe('{\n  "a": [],\n  "b": {}\n}');
    expect(laidOut("7")).toBe("7");
  });

  it("tells keys from strings, and both from the rest", () => {
    const kinds = prettyJson('{"k":"v","n":null,"i":-1}')?.filter(({ kind }) => kind !== "space" && kind !== "mark");
    expect(kinds?.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'key "k"',
      'string "v"',
      'key "n"',
      "word null",
      'key "i"',
      "number -1",
    ]);
  });

  it.each(["<html>", '{"a":', '{"open', "nulll", "{a:1}"])("takes %p for what it is", (text) => {
    const result = laidOut(text);
    // What has a lexeme that JSON has not is no JSON; what is only incomplete loses nothing.
    expect(result === undefined || result.replaceAll(/\s/g, "") === text.replaceAll(/\s/g, "")).toBe(true);
  });

  it("does not take apart what is very long", () => {
    expect(prettyJson(`"${"x".repeat(mostTokenised)}"`)).toBeUndefined();
  });
});
